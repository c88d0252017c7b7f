/**
 * One plot over time with a title and a legend of its own, which shows the values under the pointer,
 * or else the newest. Colours are the style sheet's, so both themes are.
 *
 * @module
 */

/// <reference lib="dom" />

import uPlot from "uplot";
import { linesBetween, timesInSight, WHOLE_STEPS } from "./axes.ts";
import { el, setText } from "./dom.ts";
import { NOTHING } from "./format.ts";
import type { PlotData } from "./plot_data.ts";

const HEIGHT = 150;

const THEME = matchMedia("(prefers-color-scheme: dark)");
const COLOURS = new Map<string, string>();

/** One line, or one part of the bars. */
export interface Series {
  /** As the legend calls it. */
  readonly name: string;
  /** The name of a colour of the style sheet, as in `--good`. */
  readonly colour: string;
  /** Whether its values stand alone, so that no line joins them. */
  readonly dots?: boolean;
}

/** How a chart looks. */
export interface ChartOptions {
  /** The heading above it. */
  readonly title: string;
  /** The lines; of stacked bars the lowest first. */
  readonly series: readonly Series[];
  /** Whether they are bars that stand upon each other. */
  readonly stacked?: boolean;
  /** Whether its values are whole numbers. */
  readonly counts?: boolean;
  /** `wide` shows nothing and thousands in one picture; `logarithmic` has no zero. */
  readonly scale?: "linear" | "wide" | "logarithmic";
  /** A value in words. */
  readonly format: (value: number) => string;
  /** The top of the axis for the greatest value. */
  readonly range: (greatest: number) => [number, number];
  /** Paints behind the lines. */
  readonly backdrop?: (canvas: Canvas) => void;
}

/** Where a backdrop is painted. */
export interface Canvas {
  /** What is painted with. */
  readonly context: CanvasRenderingContext2D;
  /** A time's place, device pixels. */
  readonly x: (seconds: number) => number;
  /** A value's place, device pixels. */
  readonly y: (value: number) => number;
  /** A colour of the style sheet. */
  readonly colour: (name: string) => string;
}

export class Chart {
  /** The whole of it. */
  readonly element: HTMLElement;
  readonly #options: ChartOptions;
  readonly #plot: uPlot;
  readonly #legend: { readonly item: HTMLElement; readonly value: HTMLElement }[];
  #data: PlotData = [[]];
  #isInSight = false;

  /** Empty at first. */
  constructor(options: ChartOptions) {
    this.#options = options;
    const { title, series } = options;
    this.#legend = series.map(({ name, colour }) => {
      const value = el("b", {}, NOTHING);
      const swatch = el("i", { "class": "swatch" });
      swatch.style.backgroundColor = `var(${colour})`;
      return { item: el("li", {}, swatch, `${name} `, value), value };
    });
    const host = el("div", { "class": "plot", role: "img", "aria-label": `${title} over time` });
    const legend = el("ul", { "class": "legend" }, ...this.#legend.map(({ item }) => item));
    this.element = el("figure", {}, el("figcaption", {}, title), legend, host);
    this.#plot = new uPlot(this.#plotOptions(), [[]], host);
    new ResizeObserver(([{ contentRect: { width } }]) => {
      this.#plot.setSize({ width: Math.floor(width), height: HEIGHT });
    }).observe(host);
    new IntersectionObserver((changes) => {
      this.#isInSight = changes.at(-1)!.isIntersecting;
      this.#draw();
    }).observe(host);
    THEME.addEventListener("change", () => {
      COLOURS.clear();
      this.#plot.redraw(false, true);
    });
  }

  /** Shows other values; draws them once they are in sight. */
  show(data: PlotData): void {
    this.#data = data;
    this.#draw();
  }

  #draw(): void {
    if (!this.#isInSight) return;
    const [times, ...values] = this.#data;
    // What stands on top is drawn first, so that what it stands upon covers it.
    this.#plot.setData([times, ...this.#options.stacked ? values.toReversed() : values]);
    this.#showLegend();
  }

  #plotOptions(): uPlot.Options {
    const { series, stacked, counts, scale = "linear", format, range, backdrop } = this.#options;
    const bars = stacked ? uPlot.paths.bars!({ size: [0.8, 12] }) : undefined;
    const lines = series.map(({ name, colour, dots = false }): uPlot.Series => ({
      label: name,
      stroke: () => colourOf(colour),
      fill: stacked ? () => colourOf(colour) : undefined,
      width: stacked ? 0 : 1.5,
      paths: dots ? () => null : bars,
      points: { show: dots, size: 7, fill: () => colourOf(colour) },
    }));
    const axis: uPlot.Axis = {
      stroke: () => colourOf("--quiet"),
      grid: { stroke: () => colourOf("--grid"), width: 1 },
      ticks: { show: false },
      font: "11px system-ui, sans-serif",
    };
    return {
      width: 320,
      height: HEIGHT,
      padding: [8, 26, 0, 0], // half of the last time's label stands beyond the plot
      legend: { show: false },
      cursor: { y: false, points: { size: 5 }, drag: { x: false, y: false } },
      series: [{}, ...stacked ? lines.toReversed() : lines],
      scales: {
        x: { range: ({ data: [times] }) => timesInSight(times) },
        y: {
          distr: { linear: 1, logarithmic: 3, wide: 4 }[scale] as uPlot.Scale.Distr,
          range: (_, __, greatest) => range(greatest ?? 0),
        },
      },
      axes: [
        { ...axis, space: 70, size: 24, values: (_, times) => times.map(clockTime) },
        {
          ...axis,
          size: 52,
          space: 26,
          incrs: counts ? WHOLE_STEPS : undefined,
          splits: scale === "linear"
            ? undefined
            : (_, __, least, greatest) => linesBetween(least, greatest, scale),
          values: (_, values) => values.map((value) => value === null ? "" : format(value)),
        },
      ],
      hooks: {
        setCursor: [() => this.#showLegend()],
        drawClear: backdrop ? [(plot) => paintBehind(plot, backdrop)] : [],
      },
    };
  }

  /** The values under the pointer, or the newest. */
  #showLegend(): void {
    const { stacked, format } = this.#options;
    const [times, ...values] = this.#data;
    const at = this.#plot?.cursor.idx ?? times.length - 1;
    this.#legend.forEach(({ item, value }, i) => {
      const shown = values[i]?.[at] ?? null;
      const below = stacked && i > 0 ? values[i - 1]?.[at] ?? 0 : 0;
      setText(value, shown === null ? NOTHING : format(shown - below));
      item.hidden = values.length > 2 &&
        !values[i]?.some((value, t) =>
          value !== null && value !== (stacked && i > 0 ? values[i - 1][t] : 0)
        );
    });
  }
}

function paintBehind(plot: uPlot, paint: (canvas: Canvas) => void): void {
  const { ctx: context, bbox: { left, top, width, height } } = plot;
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  paint({
    context,
    x: (seconds) => plot.valToPos(seconds, "x", true),
    y: (value) => plot.valToPos(value, "y", true),
    colour: colourOf,
  });
  context.restore();
}

function clockTime(seconds: number): string {
  const time = new Date(seconds * 1_000);
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map((part) =>
    String(part).padStart(2, "0")
  ).join(":");
}

/** Asked for once a theme: each look would lay the page out anew. */
function colourOf(name: string): string {
  let colour = COLOURS.get(name);
  if (colour === undefined) {
    colour = getComputedStyle(document.documentElement).getPropertyValue(name);
    COLOURS.set(name, colour);
  }
  return colour;
}
