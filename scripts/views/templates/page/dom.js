// Create elements. Text is inserted as text nodes only: nothing recorded is ever parsed as HTML.

const $ = (id) => document.getElementById(id);

/** Creates an element with properties, `data-…`/`aria-…` attributes and children; strings become text nodes. */
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

/** Replaces the children of an element. */
function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

/** A link to another site; it opens in a new tab, without access to the report and without a referrer. */
const link = (href, ...children) => h("a", { href, target: "_blank", rel: "noopener noreferrer" }, ...children);

const LONG = 40; // characters of a name from which on it may break after underscores too

/** A name that may break between its parts; browsers already break after hyphens. */
const breakable = (name) => name.split(name.length > LONG && !name.includes("::") ? /(?<=[_/,=])/ : /(?<=::|[/,=])/).flatMap((part, index) => (index ? [h("wbr"), part] : [part]));

// Control and format characters, shown as scripts/core/text.py shows them; line breaks and tabs stay.
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cn}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Replaces control and format characters by visible ones. */
function visible(text) {
  return text.replace(HIDDEN, (character) => {
    if (character === "\n" || character === "\t") return character;
    const code = character.codePointAt(0);
    if (code < 0x20) return String.fromCharCode(0x2400 + code);
    return code === 0x7f ? "\u2421" : `<U+${code.toString(16).toUpperCase().padStart(4, "0")}>`;
  });
}

/** A recorded text, isolated from the direction of the text around it. */
const isolated = (text) => h("bdi", {}, visible(text));

/** A recorded text with several lines. */
const block = (text) => h("pre", { dir: "auto" }, visible(text));
