/**
 * `deno task docs`: renders the manuals in server/docs/ to the pages that the hub serves at /docs.
 * The result is a committed module, so that neither a start nor a deployment needs a build step.
 *
 * @module
 */

import { Marked, type Token, type Tokens } from "marked";

const SERVER = new URL("../", import.meta.url);

/** Where the manuals are. */
export const DOCS_FOLDER: URL = new URL("docs/", SERVER);

/** The committed result. */
export const DOCS_MODULE: URL = new URL("dist/docs.ts", DOCS_FOLDER);

/** The manuals in the order of the navigation; `index` is served at /docs itself. */
export const MANUALS: readonly string[] = [
  "index",
  "messages",
  "delivery",
  "keys",
  "options",
  "deploy",
  "scaling",
  "capacity",
  "liveness",
  "metrics",
  "http",
  "sdk",
  "recipes",
  "probe",
  "comparison",
  "performance",
  "architecture",
  "contributing",
  "changelog",
];

/** A section of a page. */
interface Section {
  readonly depth: number;
  readonly id: string;
  /** Inline HTML. */
  readonly html: string;
}

/** A page without its frame. */
interface Manual {
  readonly name: string;
  /** Plain text. */
  readonly title: string;
  readonly body: string;
  readonly sections: readonly Section[];
}

/** Renders all manuals. @returns the text of the module that holds the pages */
export async function buildDocs(): Promise<string> {
  const manuals = await Promise.all(
    MANUALS.map(async (name) =>
      manualOf(name, await Deno.readTextFile(new URL(`${name}.md`, DOCS_FOLDER)))
    ),
  );
  const files = new Map(manuals.map((manual) => [manual.name, pageOf(manual, manuals)]));
  files.set("docs.css", await styleOf());
  const entries = [...files].map(([name, text]) => `  "${name}": ${templateLiteral(text)},\n`);
  return `/**
 * The manuals as pages, made by \`deno task docs\` out of server/docs/. Do not edit.
 *
 * @module
 */

/** Each file by its name below /docs; \`index\` is /docs itself. */
export const DOCS: Readonly<Record<string, string>> = {
${entries.join("")}};
`;
}

/** The addresses and sections that links between the manuals may name: `/docs/keys#limits`. */
export async function linkTargets(): Promise<Set<string>> {
  const targets = new Set<string>();
  for (const name of MANUALS) {
    const text = await Deno.readTextFile(new URL(`${name}.md`, DOCS_FOLDER));
    targets.add(addressOf(name));
    for (const { id } of manualOf(name, text).sections) targets.add(`${addressOf(name)}#${id}`);
  }
  return targets;
}

function manualOf(name: string, text: string): Manual {
  const sections: Section[] = [];
  const ids = new Map<string, number>();
  let title = name;
  const marked = new Marked({
    renderer: {
      heading({ tokens, depth }) {
        const html = this.parser.parseInline(tokens);
        const plain = plainText(tokens);
        if (depth === 1) {
          title = plain;
          return `<h1>${html}</h1>\n`;
        }
        const id = uniqueId(plain, ids);
        sections.push({ depth, id, html });
        return `<h${depth} id="${id}">${html}<a class="anchor" href="#${id}" ` +
          `aria-label="Link to this section">#</a></h${depth}>\n`;
      },
      table(token) {
        return scrolling(tableOf(token, (tokens) => this.parser.parseInline(tokens)));
      },
      code({ text, lang }) {
        return scrolling(`<pre><code class="language-${lang}">${escapeHtml(text)}</code></pre>`);
      },
      image({ href }) {
        return Deno.readTextFileSync(new URL(href, DOCS_FOLDER)); // a picture that needs no request
      },
      link({ href, tokens }) {
        return `<a href="${escapeHtml(webAddress(href))}">${this.parser.parseInline(tokens)}</a>`;
      },
    },
  });
  const body = marked.parse(text, { async: false });
  return { name, title, body, sections };
}

function tableOf({ header, rows }: Tokens.Table, inline: (tokens: Token[]) => string): string {
  const cell = (tag: string) => ({ tokens, align }: Tokens.TableCell) =>
    `<${tag}${align ? ` class="${align}"` : ""}>${inline(tokens)}</${tag}>`;
  const lines = rows.map((row) => `<tr>${row.map(cell("td")).join("")}</tr>`).join("\n");
  return `<table>\n<thead><tr>${header.map(cell("th")).join("")}</tr></thead>\n` +
    `<tbody>\n${lines}\n</tbody>\n</table>`;
}

/** A box of its own for what is wider than a phone; it can be reached and scrolled by keyboard. */
function scrolling(html: string): string {
  return `<div class="scroll" tabindex="0">${html}</div>\n`;
}

/** The address of a link as GitHub reads it: `keys.md#limits` is `/docs/keys#limits`. */
function webAddress(href: string): string {
  const [, name, anchor = ""] = /^(\w+)\.md(#.*)?$/.exec(href) ?? [];
  return name === undefined ? href : addressOf(name) + anchor;
}

function addressOf(name: string): string {
  return name === "index" ? "/docs" : `/docs/${name}`;
}

/** A heading's id as GitHub makes it, so that a link works there, too. */
function uniqueId(plain: string, ids: Map<string, number>): string {
  const id = plain.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-");
  const count = ids.get(id) ?? 0;
  ids.set(id, count + 1);
  return count === 0 ? id : `${id}-${count}`;
}

function plainText(tokens: readonly Token[]): string {
  return tokens.map((token) =>
    "tokens" in token && token.tokens ? plainText(token.tokens) : "text" in token ? token.text : ""
  ).join("");
}

function pageOf({ name, title, body, sections }: Manual, manuals: readonly Manual[]): string {
  const links = manuals.map((manual) => {
    const current = manual.name === name ? ' aria-current="page"' : "";
    return `<li><a href="${addressOf(manual.name)}"${current}>${escapeHtml(manual.title)}</a></li>`;
  });
  const contents = sections.filter(({ depth }) => depth <= 3).map(({ depth, id, html }) =>
    `<li class="depth-${depth}"><a href="#${id}">${html}</a></li>`
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)} · Systole</title>
<link rel="icon" href="/web/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/docs/docs.css">
</head>
<body>
<a class="skip" href="#manual">Skip to the manual</a>
<header>
<p class="brand"><a href="/"><img src="/web/icon.svg" alt="" width="22" height="22">Systole</a></p>
<p><a href="/">Live page</a></p>
</header>
<div class="columns">
<nav class="manuals" aria-label="Manuals">
<ul>
${links.join("\n")}
</ul>
</nav>
${
    contents.length === 0 ? "" : `<nav class="contents" aria-labelledby="contents-title">
<p id="contents-title">On this page</p>
<ul>
${contents.join("\n")}
</ul>
</nav>
`
  }<main id="manual" tabindex="-1">
${body}</main>
</div>
</body>
</html>
`;
}

/** The manuals' own style behind the colours of the live page, so that the two stay alike. */
async function styleOf(): Promise<string> {
  const live = await Deno.readTextFile(new URL("web/style.css", SERVER));
  const end = live.indexOf("\n* {");
  if (end < 0) throw new Error("Cannot build the manuals: style.css has no colours before `* {`");
  return `${live.slice(0, end)}\n${await Deno.readTextFile(new URL("docs.css", DOCS_FOLDER))}`;
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

function templateLiteral(text: string): string {
  return `\`${text.replace(/[\\`]|\$\{/g, "\\$&")}\``;
}

if (import.meta.main) {
  await Deno.mkdir(new URL("./", DOCS_MODULE), { recursive: true });
  await Deno.writeTextFile(DOCS_MODULE, await buildDocs());
}
