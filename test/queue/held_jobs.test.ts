// A job is answered when all of its videos have results and not before; nothing begins under a lost lease, and a silent server holds up nobody.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Crashes } from "#lib/queue/crashes.js";
import type { Lease } from "#lib/queue/engine.js";
import { HeldJobs } from "#lib/queue/held_jobs.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("held jobs");
/** Milliseconds of a lease. */
const LEASE = 200;

// the connection of a real server keeps the process; the timers of leases do not
let connection: NodeJS.Timeout;
test.before(() => void (connection = setInterval(() => {}, 1000)));
test.after(() => clearInterval(connection));

/** A lease without a server. */
class FakeLease implements Lease {
  readonly data = { list: "list-000001.jsonl", at: 0, bytes: 0 };
  readonly deaths = 0;
  readonly answers: string[] = [];
  renewals = 0;
  /** What the server says: whether the lease is held; "silent": nothing; or that it cannot be asked. */
  server: boolean | "silent" | "broken" = true;
  constructor(readonly id: string) {}

  async #ask(): Promise<boolean> {
    if (this.server === "silent") return new Promise(() => {});
    if (this.server === "broken") throw new Error("the server is gone");
    return this.server;
  }
  renew = () => (this.renewals++, this.#ask());
  complete = () => (this.answers.push("complete"), this.#ask());
  handBack = () => (this.answers.push("handBack"), this.#ask());
  retry = (reason: Error) => (this.answers.push(`retry: ${reason.message}`), this.#ask());
}

function held() {
  const folder = temporaryFolder("held");
  const notes: string[] = [];
  const crashes = new Crashes(folder, "w");
  const jobs = new HeldJobs(crashes, LEASE, (note) => notes.push(note));
  /** Holds a job with videos that have begun. */
  const begin = (id: string, ...paths: string[]) => {
    const lease = new FakeLease(id);
    jobs.hold(lease);
    for (const path of paths) {
      crashes.begin(path, jobs.tokenOf(lease));
      jobs.started(lease, path);
    }
    return lease;
  };
  /** The notes of videos that count as open if this process dies now. */
  const openNotes = () => {
    const lines = readdirSync(folder)
      .filter((name) => name.startsWith("started."))
      .flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n").filter(Boolean))
      .map((line) => JSON.parse(line) as { path?: string; lease?: string; ended?: string });
    const ended = new Set(lines.map(({ ended }) => ended));
    return lines.filter(({ path, lease }) => path !== undefined && !ended.has(lease)).map(({ path }) => path);
  };
  return { jobs, notes, begin, openNotes };
}

/** Lets promises that are resolved go on. */
const turn = () => sleep(5);

test("a job is completed after its last video is saved and all have begun", async () => {
  const { jobs, begin, openNotes } = held();
  const lease = begin("1", "a", "b");
  jobs.finished("a");
  await turn();
  assert.equal(lease.answers, []);
  jobs.finished("b");
  await turn();
  assert.equal(lease.answers, [], "another video may follow");
  jobs.started(lease, "c");
  jobs.allStarted(lease);
  await turn();
  assert.equal(lease.answers, [], "c has no result");
  assert.equal(openNotes(), ["a", "b"]);
  jobs.finished("c");
  await turn();
  assert.equal(lease.answers, ["complete"]);
  assert.equal(openNotes(), []);
});

test("a job without videos that are left is completed at once", async () => {
  const { jobs, begin } = held();
  const lease = begin("1");
  jobs.allStarted(lease);
  await turn();
  assert.equal(lease.answers, ["complete"]);
});

test("two jobs that wait for one video are both completed by its result", async () => {
  const { jobs, begin } = held();
  const [one, two] = [begin("1", "a"), begin("2", "a", "b")];
  jobs.allStarted(one);
  jobs.allStarted(two);
  assert.is(jobs.isOpen("a"), true);
  jobs.finished("a");
  await turn();
  assert.is(jobs.isOpen("a"), false);
  assert.equal([one.answers, two.answers], [["complete"], []]);
  jobs.finished("b");
  await turn();
  assert.equal(two.answers, ["complete"]);
});

test("one job that comes twice, as after a loss of the queue, is answered twice", async () => {
  const { jobs, begin } = held();
  const [first, second] = [begin("1", "a"), begin("1", "a")];
  assert.is.not(jobs.tokenOf(first), jobs.tokenOf(second));
  for (const lease of [first, second]) jobs.allStarted(lease);
  jobs.finished("a");
  await turn();
  assert.equal([first.answers, second.answers], [["complete"], ["complete"]]);
});

test("leases are renewed while their videos take long", async () => {
  const { jobs, begin } = held();
  const lease = begin("1", "a");
  while (lease.renewals < 3) await sleep(10);
  assert.is(await jobs.isHeld(lease), true);
  jobs.allStarted(lease);
  jobs.finished("a");
  await turn();
  const { renewals } = lease;
  await sleep(LEASE);
  assert.is(lease.renewals, renewals, "renewed after its end");
});

test("a lost lease is noticed: no further video begins, and the job is not answered", async () => {
  const { jobs, notes, begin } = held();
  const lease = begin("7", "a");
  lease.server = false;
  while (notes.length === 0) await sleep(10);
  assert.is(await jobs.isHeld(lease), false);
  jobs.allStarted(lease);
  jobs.finished("a");
  await turn();
  assert.equal(lease.answers, []);
  assert.equal(notes, ["the lease of job 7 was lost; its saved results count, the rest is done by others"]);
});

test("a process that stood still asks the server before it begins a video", async () => {
  const { jobs, begin } = held();
  const lease = begin("1", "a");
  lease.server = false;
  // the event loop stands still, so that no timer has renewed the lease
  const until = Date.now() + LEASE;
  while (Date.now() < until);
  assert.is(await jobs.isHeld(lease), false);
});

test("a refused answer gives a note, which says that the results count", async () => {
  const { jobs, notes, begin } = held();
  const lease = begin("7", "a");
  jobs.allStarted(lease);
  lease.server = false;
  jobs.finished("a");
  await turn();
  assert.equal(lease.answers, ["complete"]);
  assert.match(notes.join(), /the lease of job 7 was lost/);
});

for (const server of ["silent", "broken"] as const) {
  test(`with a ${server} server the work goes on, and the end does not wait for it`, async () => {
    const { jobs, notes, begin, openNotes } = held();
    const lease = begin("1", "a");
    lease.server = server;
    while (lease.renewals < 2) await sleep(10);
    assert.is(await jobs.isHeld(lease), true);
    jobs.allStarted(lease);
    jobs.finished("a");
    const other = begin("2", "b");
    other.server = server;
    await jobs.handBackAll();
    assert.equal([lease.answers, other.answers], [["complete"], ["handBack"]]);
    assert.equal(openNotes(), [], "an orderly end charges nobody");
    assert.equal(notes, server === "silent" ? [] : ["the server is gone", "the server is gone"]);
  });
}

test("all jobs are handed back but one that is kept", async () => {
  const { jobs, begin, openNotes } = held();
  const [one, kept] = [begin("1", "a"), begin("2", "b")];
  await jobs.handBackAll(kept);
  assert.equal([one.answers, kept.answers], [["handBack"], []]);
  assert.equal([jobs.isOpen("a"), jobs.isOpen("b")], [false, true]);
  assert.equal(openNotes(), ["b"]);
  jobs.allStarted(kept);
  jobs.finished("b");
  await turn();
  assert.equal(kept.answers, ["complete"]);
});

test("a job that is handed back leaves another one that waits for the same video", async () => {
  const { jobs, begin } = held();
  const [, kept] = [begin("1", "a"), begin("2", "a")];
  await jobs.handBackAll(kept);
  assert.is(jobs.isOpen("a"), true);
  jobs.allStarted(kept);
  jobs.finished("a");
  await turn();
  assert.equal(kept.answers, ["complete"]);
});

test("after a fault all jobs go back with its reason, and those that were lost are left alone", async () => {
  const { jobs, notes, begin } = held();
  const [lost, one] = [begin("1", "a"), begin("2", "b")];
  lost.server = false;
  while (notes.length === 0) await sleep(10);
  await jobs.retryAll(new Error("the disk is full"));
  assert.equal([lost.answers, one.answers], [[], ["retry: the disk is full"]]);
});

test.run();
