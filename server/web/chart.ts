/**
 * One plot over time with a title and a legend, which shows the values under the pointer, or the
 * newest. Takes its colours from the style sheet, which has both themes.
 *
 * @module
 */

/// <reference lib="dom" />

import uPlot from "uplot";
import { gridLines, timeRange, WHOLE_STEPS } from "./axes.ts";
import { el, setText } from "./dom.ts";
import { NO_VALUE } from "./format.ts";
import type { PlotData } from "./plot_data.ts";

const HEIGHT = 150;

const THEME = matchMedia("(prefers-color-scheme: dark)");
const COLOURS = new Map<string, string>();

/** One line, or one part of stacked bars. */
export interface Series {
  /** Its name in the legend. */
  readonly name: string;
  /** A variable of the style sheet, such as `--good`. */
  readonly colour: string;
  /** Whether it shows points without a line. */
  readonly dots?: boolean;
}

/** How a chart looks. */
export interface ChartOptions {
  /** The heading above it. */
  readonly title: string;
  /** The lines; the parts of stacked bars from the bottom up. */
  readonly series: readonly Series[];
  /** Whether the series are stacked bars. */
  readonly stacked?: boolean;
  /** Whether its values are whole numbers. */
  readonly counts?: boolean;
  /** `wide` shows 0 and thousands in one plot; `logarithmic` has no 0. */
  readonly scale?: "linear" | "wide" | "logarithmic";
  /** Formats a value. */
  readonly format: (value: number) => string;
  /** The range of the value axis. @param max the greatest value */
  readonly range: (max: number) => [number, number];
  /** Paints behind the lines. */
  readonly backdrop?: (canvas: Canvas) => void;
}

/** What a backdrop paints with. */
export interface Canvas {
  /** The context of the canvas. */
  readonly context: CanvasRenderingContext2D;
  /** The position of a time, device pixels. */
  readonly x: (seconds: number) => number;
  /** The position of a value, device pixels. */
  readonly y: (value: number) => number;
  /** A colour of the style sheet. */
  readonly colour: (name: string) => string;
}

/** One `<figure>`. */
export class Chart {
  /** The figure. */
  readonly element: HTMLElement;
  readonly #options: ChartOptions;
  readonly #plot: uPlot;
  readonly #legend: { readonly item: HTMLElement; readonly value: HTMLElement }[];
  #data: PlotData = [[]];
  #isVisible = false;

  /** Empty at first. */
  constructor(options: ChartOptions) {
    this.#options = options;
    const { title, series } = options;
    this.#legend = series.map(({ name, colour }) => {
      const value = el("b", {}, NO_VALUE);
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
      this.#isVisible = changes.at(-1)!.isIntersecting;
      this.#draw();
    }).observe(host);
    THEME.addEventListener("change", () => {
      COLOURS.clear();
      this.#plot.redraw(false, true);
    });
  }

  /** Shows other values; draws them only while the plot is visible. */
  show(data: PlotData): void {
    this.#data = data;
    this.#draw();
  }

  #draw(): void {
    if (!this.#isVisible) return;
    const [times, ...values] = this.#data;
    // uPlot draws full-height bars: the top part first, so that the parts below cover it.
    this.#plot.setData([times, ...this.#options.stacked ? values.toReversed() : values]);
    this.#updateLegend();
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
      padding: [8, 26, 0, 0], // space for half of the last time label
      legend: { show: false },
      cursor: { y: false, points: { size: 5 }, drag: { x: false, y: false } },
      series: [{}, ...stacked ? lines.toReversed() : lines],
      scales: {
        x: { range: ({ data: [times] }) => timeRange(times) },
        y: {
          distr: { linear: 1, logarithmic: 3, wide: 4 }[scale] as uPlot.Scale.Distr,
          range: (_, __, max) => range(max ?? 0),
        },
      },
      axes: [
        { ...axis, space: 70, size: 24, values: (_, times) => times.map(clockTime) },
        {
          ...axis,
          size: 52,
          space: 26,
          incrs: counts ? WHOLE_STEPS : undefined,
          splits: scale === "linear" ? undefined : (_, __, min, max) => gridLines(min, max, scale),
          values: (_, values) => values.map((value) => value === null ? "" : format(value)),
        },
      ],
      hooks: {
        setCursor: [() => this.#updateLegend()],
        drawClear: backdrop ? [(plot) => paintBehind(plot, backdrop)] : [],
      },
    };
  }

  /** The values under the pointer, or the newest. */
  #updateLegend(): void {
    const { stacked, format } = this.#options;
    const [times, ...values] = this.#data;
    const at = this.#plot?.cursor.idx ?? times.length - 1;
    this.#legend.forEach(({ item, value }, i) => {
      const shown = values[i]?.[at] ?? null;
      const below = stacked && i > 0 ? values[i - 1]?.[at] ?? 0 : 0;
      setText(value, shown === null ? NO_VALUE : format(shown - below));
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

/** Cached for each theme, since getComputedStyle may force a layout. */
function colourOf(name: string): string {
  let colour = COLOURS.get(name);
  if (colour === undefined) {
    colour = getComputedStyle(document.documentElement).getPropertyValue(name);
    COLOURS.set(name, colour);
  }
  return colour;
}
