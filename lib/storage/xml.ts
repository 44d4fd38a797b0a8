import { StorageError } from "./storage_error.js";

/**
 * An element of a small XML document: its children, or its text. Attributes, comments and name spaces are left out.
 */
export interface XmlElement {
  name: string;
  children: XmlElement[];
  text: string;
}

const DEEPEST = 32;
const TOKEN =
  /<!--[\s\S]*?-->|<!\[CDATA\[([\s\S]*?)\]\]>|<\?[\s\S]*?\?>|<(\/?)([A-Za-z_][\w.:-]*)(?:\s[^<>]*?)?(\/?)>|[^<]+|</g;
const ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/**
 * Parses the XML of a server that is not trusted: no document types and so no entities but the five of XML, and a
 * limited depth.
 * @throws StorageError `interrupted` for anything else, also for a document that ends early
 */
export function parseXml(text: string): XmlElement {
  const top: XmlElement = { name: "", children: [], text: "" };
  const open = [top];
  for (const [token, data, closes, name, empty] of text.replace(/^\uFEFF/, "").matchAll(TOKEN)) {
    const at = open[open.length - 1];
    if (token.startsWith("<!--") || token.startsWith("<?")) continue;
    if (data !== undefined) at.text += data;
    else if (name === undefined) {
      if (token.startsWith("<")) throw broken("markup that is not expected");
      at.text += unescape(token);
    } else if (closes) {
      if (open.length === 1 || at.name !== localName(name))
        throw broken(`an end of ${localName(name)} that is not expected`);
      open.pop();
    } else {
      if (open.length > DEEPEST) throw broken("too many levels");
      const element = { name: localName(name), children: [], text: "" };
      at.children.push(element);
      if (!empty) open.push(element);
    }
  }
  if (open.length > 1) throw broken("it ends early");
  if (top.children.length !== 1 || top.text.trim() !== "") throw broken("it is not one element");
  return top.children[0];
}

const broken = (reason: string): StorageError => new StorageError("interrupted", reason);

const localName = (name: string): string => name.slice(name.indexOf(":") + 1);

const unescape = (text: string): string =>
  text.replace(/&(?:#(\d+)|#x([\da-f]+)|(\w+));|&/gi, (found, decimal?: string, hex?: string, name?: string) => {
    if (name !== undefined && ENTITIES[name] !== undefined) return ENTITIES[name];
    const code = decimal !== undefined ? Number(decimal) : hex !== undefined ? parseInt(hex, 16) : NaN;
    if (!(code <= 0x10ffff)) throw broken(`the entity ${found}`);
    return String.fromCodePoint(code);
  });

/** The first child of this name. */
const childOf = (element: XmlElement | undefined, name: string): XmlElement | undefined =>
  element?.children.find((child) => child.name === name);

/** The text of the first child of this name. */
export const textOf = (element: XmlElement | undefined, name: string): string | undefined =>
  childOf(element, name)?.text;
