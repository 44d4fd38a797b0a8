/** Upper bounds of the buckets of durations, in seconds. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

interface Durations {
  counts: number[];
  sum: number;
  count: number;
}

/** A number that is read when the metrics are asked for. */
export interface Gauge {
  name: string;
  help: string;
  values: () => { labels?: Record<string, string>; value: number }[];
}

/** Counts of requests in the text format of Prometheus. Labels are routes, never paths or queries. */
export class Metrics {
  #requests = new Map<string, number>();
  #durations = new Map<string, Durations>();
  #reloads = { ok: 0, failed: 0 };

  request(route: string, method: string, status: number, seconds: number): void {
    const key = labelText({ route, method, status: String(status) });
    this.#requests.set(key, (this.#requests.get(key) ?? 0) + 1);
    let durations = this.#durations.get(route);
    if (!durations) this.#durations.set(route, (durations = { counts: BUCKETS.map(() => 0), sum: 0, count: 0 }));
    BUCKETS.forEach((limit, i) => (durations.counts[i] += Number(seconds <= limit)));
    durations.sum += seconds;
    durations.count++;
  }

  reload(worked: boolean): void {
    this.#reloads[worked ? "ok" : "failed"]++;
  }

  text(gauges: readonly Gauge[]): string {
    const lines: string[] = [];
    const family = (name: string, type: string, help: string) =>
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    family("videoclip_requests_total", "counter", "Requests that were answered.");
    for (const [labels, count] of this.#requests) lines.push(`videoclip_requests_total${labels} ${count}`);
    family("videoclip_request_seconds", "histogram", "Time until a request was answered, for videos until it began.");
    for (const [route, { counts, sum, count }] of this.#durations) {
      BUCKETS.forEach((limit, i) =>
        lines.push(`videoclip_request_seconds_bucket${labelText({ route, le: String(limit) })} ${counts[i]}`),
      );
      lines.push(
        `videoclip_request_seconds_bucket${labelText({ route, le: "+Inf" })} ${count}`,
        `videoclip_request_seconds_sum${labelText({ route })} ${sum}`,
        `videoclip_request_seconds_count${labelText({ route })} ${count}`,
      );
    }
    family("videoclip_index_reloads_total", "counter", "Times that a changed index was opened again.");
    for (const [result, count] of Object.entries(this.#reloads))
      lines.push(`videoclip_index_reloads_total${labelText({ result })} ${count}`);
    for (const { name, help, values } of gauges) {
      family(name, "gauge", help);
      for (const { labels = {}, value } of values()) lines.push(`${name}${labelText(labels)} ${value}`);
    }
    return `${lines.join("\n")}\n`;
  }
}

function labelText(labels: Record<string, string>): string {
  const escape = (value: string) => value.replace(/[\\"\n]/g, (c) => (c === "\n" ? "\\n" : `\\${c}`));
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escape(value)}"`);
  return pairs.length > 0 ? `{${pairs.join(",")}}` : "";
}
