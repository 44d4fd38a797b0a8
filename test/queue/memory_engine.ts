// A queue in memory, for tests of workers without a server.
import type { JobData, Lease, QueueCounts, WorkEngine } from "#lib/queue/engine.js";

interface Job {
  id: string;
  data: JobData;
  deaths: number;
  state: "waiting" | "active" | "delayed";
}

export class MemoryEngine implements WorkEngine {
  readonly warnings: string[] = [];
  readonly jobs = new Map<string, Job>();
  /** Answers in their order: `complete`, `hand back`, `retry`, and the job. */
  readonly answers: string[] = [];

  async add(jobs: readonly { id: string; data: JobData }[]): Promise<void> {
    for (const { id, data } of jobs)
      if (!this.jobs.has(id)) this.jobs.set(id, { id, data, deaths: 0, state: "waiting" });
  }

  async take(): Promise<Lease | undefined> {
    const job = [...this.jobs.values()].find(({ state }) => state === "waiting");
    if (!job) return undefined;
    job.state = "active";
    const answer = (name: string, work: () => void) => async () => {
      this.answers.push(`${name} ${job.id}`);
      if (this.jobs.get(job.id) !== job) return false;
      work();
      return true;
    };
    return {
      id: job.id,
      data: job.data,
      deaths: job.deaths,
      renew: async () => this.jobs.get(job.id) === job,
      complete: answer("complete", () => this.jobs.delete(job.id)),
      handBack: answer("hand back", () => (job.state = "waiting")),
      retry: answer("retry", () => (job.state = "waiting")),
    };
  }

  async counts(): Promise<QueueCounts> {
    const count = (state: Job["state"]) => [...this.jobs.values()].filter((job) => job.state === state).length;
    return { waiting: count("waiting"), active: count("active"), delayed: count("delayed") };
  }

  async close(): Promise<void> {}
}
