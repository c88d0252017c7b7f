/**
 * README and the manuals as what tests compare with the code: tables and fenced blocks, with the
 * section that each stands in.
 *
 * @module
 */

import { MANUALS } from "../../server/cli/docs.ts";

const PROJECT = new URL("../../", import.meta.url);

/** A table. */
export interface Table {
  /** The text of the heading above it. */
  readonly section: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A fenced block. */
export interface Block {
  readonly section: string;
  /** Line of its fence, from 1. */
  readonly line: number;
  readonly language: string;
  readonly text: string;
}

/** A document. */
export interface Document {
  /** Its path in the project. */
  readonly path: string;
  readonly text: string;
  readonly tables: readonly Table[];
  readonly blocks: readonly Block[];
}

/** One document by its path in the project. */
export function documentAt(path: string): Document {
  const text = Deno.readTextFileSync(new URL(path, PROJECT));
  const tables: Table[] = [];
  const blocks: Block[] = [];
  const lines = text.split("\n");
  let section = "";
  for (let i = 0; i < lines.length; i++) {
    const fence = /^```(\S*)/.exec(lines[i]);
    if (fence !== null) {
      const start = i++;
      while (lines[i] !== "```") i++;
      const inside = lines.slice(start + 1, i).join("\n");
      blocks.push({ section, line: start + 1, language: fence[1], text: inside });
    } else if (lines[i].startsWith("#")) {
      section = lines[i].replace(/^#+ /, "");
    } else if (lines[i].startsWith("|")) {
      const start = i;
      while (lines[i + 1]?.startsWith("|")) i++;
      const [header, , ...rows] = lines.slice(start, i + 1).map(cellsOf);
      tables.push({ section, header, rows });
    }
  }
  return { path, text, tables, blocks };
}

/** A manual by its name. */
export function manual(name: string): Document {
  return documentAt(`server/docs/${name}.md`);
}

/** README and all manuals. */
export function allDocuments(): Document[] {
  return [documentAt("README.md"), ...MANUALS.map(manual)];
}

/** The table of a section. */
export function tableIn({ path, tables }: Document, section: string): Table {
  const found = tables.find((table) => table.section === section);
  if (found === undefined) throw new Error(`${path} has no table in its section ${section}`);
  return found;
}

/** A cell without the marks of code. */
export const plain = (cell: string): string => cell.replaceAll("`", "");

/** The first cells of a table. */
export const firstCells = ({ rows }: Table): string[] => rows.map(([first]) => plain(first));

function cellsOf(line: string): string[] {
  return line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim().replaceAll("\\|", "|"));
}
