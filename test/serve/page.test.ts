// The parts of the page that need no browser: what its address means, its scale, and its size.
import { gzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { partOf } from "#lib/serve/parameters.js";
import { pageFile, pagePaths } from "#lib/serve/page_files.js";
import { placeOf, scaleOf } from "#lib/serve/page/scale.js";
import { addressOf, exampleOf, momentExample, type PageState, readState, requestOf } from "#lib/serve/page/state.js";
import { clock, fileName } from "#lib/serve/page/text.js";
import { clock as libraryClock } from "#lib/video/html.js";

const test = suite("serve: the page");
const empty: PageState = {
  q: "",
  not: "",
  like: [],
  unlike: [],
  path: "",
  threshold: "",
  minSeconds: "",
  maxSeconds: "",
  field: "",
  index: [],
  group: false,
  page: 0,
};
const ID = "A".repeat(22);

test("an address and what it shows are the same", () => {
  const states: PageState[] = [
    empty,
    { ...empty, q: "a red & <blue> star?", not: "ring", path: "a/b", threshold: "-1.5", page: 3 },
    { ...empty, q: "x", index: ["one", "two"], group: true },
    { ...empty, like: [`${ID}@4.5`], path: "b", minSeconds: "2", maxSeconds: "60.5", field: "bytes>=10" },
    { ...empty, q: "x", like: [`${ID}@4.5`, `picture:${ID}`], not: "ring", unlike: [`${ID}@1`, "a second sentence"] },
    { ...empty, q: "x", unlike: [`picture:${ID}`] },
  ];
  for (const state of states) {
    const address = addressOf(state);
    assert.equal(readState(new URL(address, "http://localhost").search), state, address);
  }
  assert.is(addressOf(empty), "/");
  for (const page of ["0", "-1", "1.5", "x", "1e9"]) assert.is(readState(`?page=${page}`).page, 0);
});

test("a request has the sentence and all examples, and nothing is asked without what is wanted", () => {
  assert.is(requestOf(empty), undefined);
  assert.is(requestOf({ ...empty, not: "ring", unlike: [`${ID}@1`] }), undefined);
  const state = { ...empty, q: "star", not: "ring", like: [`${ID}@1`], unlike: [`picture:${ID}`], page: 2 };
  const { searchParams } = new URL(requestOf(state)!, "http://localhost");
  assert.equal(
    [...searchParams],
    [
      ["q", "star"],
      ["not", "ring"],
      ["like", `${ID}@1`],
      ["not", `picture:${ID}`],
      ["timeline", "true"],
      ["limit", "12"],
      ["offset", "24"],
    ],
  );
});

test("examples and sentences are the same for the page and the server", () => {
  assert.equal(exampleOf(`${ID}@4.5`), { kind: "moment", id: ID, time: 4.5 });
  assert.equal(exampleOf(`picture:${ID}`), { kind: "picture", id: ID, time: 0 });
  const texts = [`${ID}@4.5`, `picture:${ID}`, `${ID}@`, `${ID}@1e3`, "picture:x", "a ring", `${ID}@1 `];
  for (const text of texts) assert.is(exampleOf(text)?.kind ?? "text", partOf(text).kind, text);
});

test("the middle of any window is an example for the page and the server", () => {
  assert.is(momentExample(ID, 0, 1.0677333333333334), `${ID}@0.534`);
  for (const text of [
    momentExample(ID, 0, 1.0677333333333334),
    momentExample(ID, 0, 1e-7),
    `${ID}@0.5338666666666667`,
  ]) {
    assert.is(partOf(text).kind, "moment", text);
    assert.is(exampleOf(text)?.kind, "moment", text);
  }
});

test("the scale has zero in it", () => {
  assert.equal(scaleOf([3, 9]), { low: 0, high: 9 });
  assert.equal(scaleOf([-3, -1]), { low: -3, high: 0 });
  assert.equal(scaleOf([]), { low: 0, high: 1 });
  assert.is(placeOf(0, { low: -1, high: 3 }), 0.75);
});

test("times and names are shown as elsewhere in the package", () => {
  for (const seconds of [0, 0.04, 59.96, 61.25, 3599.99, 3600, 36_061.5])
    assert.is(clock(seconds), libraryClock(seconds));
  assert.equal(["a/b.mp4", "C:\\v\\c.mp4", "d.mp4", "/"].map(fileName), ["b.mp4", "c.mp4", "d.mp4", "/"]);
});

test("script and style have at most 150 KB after gzip, come from one place and load nothing else", async () => {
  const paths = pagePaths();
  assert.ok(paths.includes("/page/app.js") && paths.includes("/page/style.css"));
  let bytes = 0;
  for (const path of paths) {
    const text = await pageFile(path)!.text();
    bytes += gzipSync(text).length;
    assert.not.match(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|sourceMappingURL/, path);
    const others = text.match(/\w+:\/\/[^"'\s]+/g) ?? [];
    assert.equal(others.filter((address) => !address.startsWith("http://www.w3.org/")), [], path); // prettier-ignore
    for (const [, imported] of text.matchAll(/from "(\.[^"]+)"/g))
      assert.ok(paths.includes(new URL(imported, `http://localhost${path}`).pathname), `${path} imports ${imported}`);
  }
  assert.ok(bytes <= 150_000, `${bytes} bytes`);
});

test.run();
