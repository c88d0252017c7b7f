/**
 * Creates and finds elements.
 *
 * @module
 */

/// <reference lib="dom" />
/// <reference lib="dom.iterable" />

/** Attributes of a new element, by name. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** Creates an HTML element. A false or undefined attribute is left out. */
export function el<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  return filled(document.createElement(tag), attributes, children);
}

/** Creates an SVG element. */
export function svg<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): SVGElementTagNameMap[Tag] {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  return filled(element, attributes, children);
}

/** Finds an element by id. @throws {TypeError} if there is none of that class */
export function byId<Of extends HTMLElement>(id: string, type: new () => Of): Of {
  const element = document.getElementById(id);
  if (element instanceof type) return element;
  throw new TypeError(`Cannot find ${type.name} #${id} in the page`);
}

/** Sets a text only if it differs, since each change causes a layout. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

function filled<Of extends Element>(
  element: Of,
  attributes: Attributes,
  children: readonly (Node | string)[],
): Of {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children);
  return element;
}
