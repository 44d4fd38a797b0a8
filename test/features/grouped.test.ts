// Groups of items are processed while their producer goes on.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Grouped } from "#lib/features/grouped.js";
import { rejection } from "../support/errors.js";

const test = suite("grouped");

/** Work on groups that ends when the test calls `next`. */
function heldWork() {
  const groups: number[][] = [];
  const waiting: (() => void)[] = [];
  const work = async (group: number[]) => {
    groups.push(group);
    await new Promise<void>((resolve) => waiting.push(resolve));
    if (group.includes(-1)) throw new Error("minus one");
  };
  const next = async () => {
    waiting.shift()!();
    await new Promise(setImmediate);
  };
  return { groups, work, next };
}

test("items that arrive during the work form one group afterwards, in order and of bounded size", async () => {
  const { groups, work, next } = heldWork();
  const grouped = new Grouped<number>(work, 3);
  let added = 0;
  const adding = (async () => {
    for (let i = 0; i < 6; i++, added++) await grouped.add(i);
  })();
  await new Promise(setImmediate);
  assert.equal(groups, [[0]]);
  assert.is(added, 4, "one is being processed and three wait");
  await next();
  assert.equal(groups, [[0], [1, 2, 3]]);
  await adding;
  await next();
  await next();
  await grouped.finish();
  assert.equal(groups, [[0], [1, 2, 3], [4, 5]]);
  await grouped.finish();
});

test("an error of the work rejects the next call of add or finish, and waiting items are discarded", async () => {
  const { groups, work, next } = heldWork();
  const grouped = new Grouped<number>(work, 2);
  await grouped.add(-1);
  await grouped.add(1);
  await next();
  for (const after of [() => grouped.add(2), () => grouped.finish(), () => grouped.add(3)]) {
    assert.is((await rejection(after)).message, "minus one");
  }
  assert.equal(groups, [[-1]]);
});

test("with a pause, a group waits for more items, but not when it is full or the last one", async () => {
  const groups: number[][] = [];
  const work = (group: number[]) => Promise.resolve(void groups.push(group));
  const grouped = new Grouped<number>(work, 3, 2 ** 30);
  for (const item of [0, 1, 2, 3, 4]) await grouped.add(item);
  await new Promise(setImmediate);
  assert.equal(groups, [[0, 1, 2]]);
  await grouped.finish();
  assert.equal(groups, [[0, 1, 2], [3, 4]]); // prettier-ignore
});

test.run();
