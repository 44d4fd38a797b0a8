import type { TokenizerFields } from "./tokenizer_fields.js";

/** The ids that a `post_processor` of a `tokenizer.json` is compared with. */
interface SpecialIds {
  cls: number;
  sep: number;
}

/** An element of a template: the ids of a special token, or "A" and "B" for the texts; each with its type. */
type Element = [ids: number[] | "A" | "B", type: number];

const EXPECTED = "BertProcessing, or TemplateProcessing with [CLS] A [SEP] and [CLS] A [SEP] B [SEP], with the ids that the vocabulary gives [CLS] and [SEP]"; // prettier-ignore

const templateOf = ({ cls, sep }: SpecialIds): { single: Element[]; pair: Element[] } => {
  const single: Element[] = [[[cls], 0], ["A", 0], [[sep], 0]]; // prettier-ignore
  return { single, pair: [...single, ["B", 1], [[sep], 1]] };
};

/**
 * Checks that a `post_processor` puts the same special tokens around texts as this package does. A file without one is accepted, because
 * then the option `specialTokens` of the caller decides alone.
 * @param fields of the file
 * @param processor value of `post_processor`
 * @throws WeightsError for any other processor, template, id or type
 */
export function checkPostProcessor(fields: TokenizerFields, processor: unknown, ids: SpecialIds): void {
  if (processor === undefined || processor === null) return;
  const object = fields.object("post_processor", processor);
  const { type } = object;
  if (type === "BertProcessing") {
    for (const [field, token, id] of [
      ["cls", "[CLS]", ids.cls],
      ["sep", "[SEP]", ids.sep],
    ] as const) {
      const pair = object[field];
      const fits = Array.isArray(pair) && pair.length === 2 && typeof pair[0] === "string" && pair[1] === id;
      if (!fits) throw fields.fail(`post_processor.${field}`, JSON.stringify([token, id]), pair);
    }
    return;
  }
  if (type !== "TemplateProcessing") throw fields.fail("post_processor.type", EXPECTED, type);
  const special = readSpecialTokens(fields, object.special_tokens);
  const expected = templateOf(ids);
  for (const name of ["single", "pair"] as const) {
    const field = `post_processor.${name}`;
    const received = readTemplate(fields, field, object[name], special);
    if (JSON.stringify(received) !== JSON.stringify(expected[name])) throw fields.fail(field, EXPECTED, object[name]);
  }
}

/** The ids that each name of a special token stands for. */
function readSpecialTokens(fields: TokenizerFields, value: unknown): Map<string, number[]> {
  const field = "post_processor.special_tokens";
  return new Map(
    Object.entries(fields.object(field, value)).map(([name, described]) => {
      const { ids } = fields.object(`${field}.${name}`, described);
      if (!Array.isArray(ids)) throw fields.fail(`${field}.${name}.ids`, "a list of ids", ids);
      return [name, ids.map((id) => fields.count(`${field}.${name}.ids`, id))];
    }),
  );
}

function readTemplate(
  fields: TokenizerFields,
  field: string,
  value: unknown,
  special: ReadonlyMap<string, number[]>,
): Element[] {
  if (!Array.isArray(value)) throw fields.fail(field, "a list", value);
  return value.map((one, i): Element => {
    const place = `${field}[${i}]`;
    const entries = Object.entries(fields.object(place, one));
    const [kind, described] = entries[0] ?? [];
    if (entries.length !== 1 || (kind !== "SpecialToken" && kind !== "Sequence"))
      throw fields.fail(place, "one SpecialToken or one Sequence", one);
    const { id, type_id } = fields.object(`${place}.${kind}`, described);
    const type = fields.count(`${place}.${kind}.type_id`, type_id);
    if (kind === "SpecialToken") {
      const ids = special.get(fields.text(`${place}.SpecialToken.id`, id));
      if (!ids) throw fields.fail(`${place}.SpecialToken.id`, "a name of post_processor.special_tokens", id);
      return [ids, type];
    }
    if (id !== "A" && id !== "B") throw fields.fail(`${place}.Sequence.id`, "A or B", id);
    return [id, type];
  });
}
