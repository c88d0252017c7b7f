/**
 * What `/metrics` says, to be asked by name and labels.
 *
 * @module
 */

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export class Exposition {
  readonly #samples: readonly Sample[];

  /** @param text in Prometheus' text format */
  constructor(text: string) {
    this.#samples = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"))
      .map(parseSample);
  }

  /**
   * The sum over all samples of a name that have these labels.
   *
   * @throws {Error} when there is none
   */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const found = this.#samples.filter((sample) =>
      sample.name === name && Object.entries(labels).every(([k, v]) => sample.labels[k] === v)
    );
    if (found.length === 0) throw new Error(`no sample ${name} ${JSON.stringify(labels)}`);
    return found.reduce((sum, { value }) => sum + value, 0);
  }

  /** Connections that ended for a reason. */
  closed(reason: string): number {
    return this.value("systole_connections_closed_total", { reason });
  }

  /** Ticks of the wheel that came later than this; one of the histogram's bounds. */
  ticksLaterThan(seconds: number): number {
    const name = "systole_wheel_lateness_seconds";
    return this.value(`${name}_count`) - this.value(`${name}_bucket`, { le: String(seconds) });
  }
}

function parseSample(line: string): Sample {
  const [, name, labels = "", value] = /^([^{ ]+)(?:\{(.*)\})? (\S+)/.exec(line) ?? [];
  if (name === undefined) throw new Error(`not a sample: ${line}`);
  const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, text]) => [key, text]);
  return { name, labels: Object.fromEntries(pairs), value: Number(value) };
}
