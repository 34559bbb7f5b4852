// Making elements. Text goes in as text nodes only: nothing that was recorded is ever parsed as HTML.

const $ = (id) => document.getElementById(id);

/** An element with properties, `data-…`/`aria-…` attributes and children; texts become text nodes. */
function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && !name.includes("-")) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Replaces all that an element holds. */
function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

/** A link to a page outside; it opens apart from the report, and is told nothing of it. */
const link = (href, ...children) => h("a", { href, target: "_blank", rel: "noopener noreferrer" }, ...children);

/** A name that may break after underscores; at hyphens it does so by itself. */
const breakable = (name) => name.split(/(?<=_)/).flatMap((part, place) => (place ? [h("wbr"), part] : [part]));

// Control and format characters, as scripts/texts.py shows them; lines and tabs stay.
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cn}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** A text whose control and format characters are seen instead of obeyed. */
function visible(text) {
  return text.replace(HIDDEN, (character) => {
    if (character === "\n" || character === "\t") return character;
    const code = character.codePointAt(0);
    if (code < 0x20) return String.fromCharCode(0x2400 + code);
    return code === 0x7f ? "\u2421" : `<U+${code.toString(16).toUpperCase().padStart(4, "0")}>`;
  });
}

/** A recorded text, apart from its surroundings whatever its direction. */
const said = (text) => h("bdi", {}, visible(text));

/** A recorded text of several lines. */
const block = (text) => h("pre", { dir: "auto" }, visible(text));
