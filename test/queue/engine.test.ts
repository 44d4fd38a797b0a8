// The promises of a queue to its callers, on Redis and on PostgreSQL: who gets a job, for how long, and what a late answer is worth.
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openEngine } from "#lib/queue/bull_engine.js";
import type { EngineOptions, JobData, Lease, WorkEngine } from "#lib/queue/engine.js";
import { startPostgres, startRedis, type TestServer } from "../support/queue_servers.js";
import { temporaryFolder } from "../support/temporary_folder.js";

/** Milliseconds of the leases that are lost in these tests. */
const SHORT = 1000;
const job = (id: string): { id: string; data: JobData } => ({ id, data: { list: `${id}.jsonl`, at: 7, bytes: 9 } });

/** Asks until there is a job. */
async function takeSoon(engine: WorkEngine): Promise<Lease> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const lease = await engine.take(5000);
    if (lease) return lease;
    await sleep(50);
  }
  throw new Error("no job is handed out");
}

for (const [name, start] of [
  ["Redis", startRedis],
  ["PostgreSQL", startPostgres],
] as const) {
  const test = suite(`a queue on ${name}`);
  let server: TestServer | undefined;
  let queues = 0;
  let open: WorkEngine[] = [];
  test.before(async () => {
    server = await start(temporaryFolder("engine"));
    if (!server) console.log(`SKIP: ${name} is not installed`);
  });
  test.after.each(async () => {
    await Promise.all(open.map((engine) => engine.close()));
    open = [];
  });
  test.after(() => server?.stop());

  /** A test with a function that opens a new queue, or another connection to it. */
  const withQueue = (
    title: string,
    body: (connect: (options?: EngineOptions) => Promise<WorkEngine>) => Promise<void>,
  ) =>
    test(title, async () => {
      if (!server) return;
      const queue = `test-${queues++}`;
      await body(async (options) => {
        const engine = await openEngine(server!.url(), queue, options);
        open.push(engine);
        return engine;
      });
    });

  withQueue("a job whose id is in the queue is not added again", async (connect) => {
    const engine = await connect();
    await engine.add([job("a"), job("b")]);
    await engine.add([job("b"), job("c")]);
    assert.equal(await engine.counts(), { waiting: 3, active: 0, delayed: 0 });
    const held = await takeSoon(engine);
    await engine.add([job(held.id)]);
    assert.equal(await engine.counts(), { waiting: 2, active: 1, delayed: 0 });
  });

  withQueue("more jobs than one request carries are added in their order", async (connect) => {
    const engine = await connect();
    await engine.add(Array.from({ length: 1001 }, (_, i) => job(`n${i}`)));
    assert.is((await engine.counts()).waiting, 1001);
    for (const i of [0, 1, 2]) assert.is((await takeSoon(engine)).id, `n${i}`);
  });

  withQueue("a job is handed out once, with its data, and is gone when it is complete", async (connect) => {
    const [one, two] = [await connect(), await connect()];
    await one.add([job("a")]);
    const lease = await takeSoon(one);
    assert.equal([lease.id, lease.data, lease.deaths], ["a", job("a").data, 0]);
    assert.is(await two.take(5000), undefined);
    assert.is(await lease.renew(), true);
    assert.is(await lease.complete(), true);
    assert.equal(await one.counts(), { waiting: 0, active: 0, delayed: 0 });
    assert.is(await one.take(5000), undefined);
    // the same id may come again, as after a loss of the results
    await one.add([job("a")]);
    assert.is((await takeSoon(two)).id, "a");
  });

  withQueue("a job that is handed back goes to the next who asks, and counts no death", async (connect) => {
    const [one, two] = [await connect(), await connect()];
    await one.add([job("a")]);
    assert.is(await (await takeSoon(one)).handBack(), true);
    assert.equal(await one.counts(), { waiting: 1, active: 0, delayed: 0 });
    const again = (await two.take(5000))!;
    assert.equal([again.id, again.deaths], ["a", 0]);
  });

  withQueue("a job that is tried again waits first", async (connect) => {
    const engine = await connect();
    await engine.add([job("a")]);
    assert.is(await (await takeSoon(engine)).retry(new Error("the disk is full")), true);
    assert.equal(await engine.counts(), { waiting: 0, active: 0, delayed: 1 });
    const again = await takeSoon(engine);
    assert.equal([again.id, again.data, again.deaths], ["a", job("a").data, 0]);
  });

  withQueue("every answer after the loss of a lease is refused, and the new holder keeps the job", async (connect) => {
    const [one, two] = [await connect({ lease: SHORT }), await connect({ lease: SHORT })];
    await one.add([job("a"), job("b"), job("c"), job("d")]);
    const lost = new Map<string, Lease>();
    for (let i = 0; i < 4; i++) {
      const lease = await takeSoon(one);
      lost.set(lease.id, lease);
    }
    for (let i = 0; i < 4; i++) {
      const taken = await takeSoon(two);
      assert.is(taken.deaths, 1);
      const before = lost.get(taken.id)!;
      const answers = [before.renew, before.complete, before.handBack, () => before.retry(new Error("late"))];
      assert.is(await answers[i].call(before), false, `answer ${i}`);
      assert.is(await taken.renew(), true);
      assert.is(await taken.complete(), true);
    }
    assert.equal(await one.counts(), { waiting: 0, active: 0, delayed: 0 });
  });

  withQueue("a lease that is renewed is not lost", async (connect) => {
    const [one, two] = [await connect({ lease: SHORT }), await connect({ lease: SHORT })];
    await one.add([job("a")]);
    const lease = await takeSoon(one);
    for (let i = 0; i < 12; i++) {
      assert.is(await lease.renew(), true);
      assert.is(await two.take(1000), undefined);
      await sleep(SHORT / 4);
    }
    assert.is(await lease.complete(), true);
  });

  withQueue("answers for a job that the server has forgotten are refused", async (connect) => {
    const engine = await connect();
    await engine.add([job("a"), job("b"), job("c"), job("d")]);
    const leases = [await takeSoon(engine), await takeSoon(engine), await takeSoon(engine), await takeSoon(engine)];
    server!.flush();
    assert.is(await leases[0].renew(), false);
    assert.is(await leases[1].complete(), false);
    assert.is(await leases[2].handBack(), false);
    assert.is(await leases[3].retry(new Error("late")), false);
    await engine.add([job("a")]);
    assert.is((await takeSoon(engine)).id, "a");
  });

  withQueue("a job that comes too late for one call is returned by the next", async (connect) => {
    const [engine, other] = [await connect(), await connect()];
    await other.add([job("a")]);
    // the first call opens a connection, which takes longer than no time
    assert.is(await engine.take(0), undefined);
    const lease = await takeSoon(engine);
    assert.is(lease.id, "a");
    assert.is(await lease.complete(), true);
    assert.equal(await other.counts(), { waiting: 0, active: 0, delayed: 0 });
  });

  test("a queue whose server is gone closes", async () => {
    if (!server) return;
    const faults: string[] = [];
    const engine = await openEngine(server.url(), "gone", { onFault: (reason) => faults.push(reason) });
    await engine.add([job("a")]);
    await takeSoon(engine);
    server.stop();
    server = undefined;
    const patience = new AbortController();
    const outcome = await Promise.race([
      engine.close().then(() => "closed"),
      sleep(15_000, "still open", { signal: patience.signal }),
    ]);
    patience.abort();
    assert.is(outcome, "closed");
  });

  test.run();
}
