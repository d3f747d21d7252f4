import { frame, watch, h, put, clock, empty } from "./format.js";

const GOOD = ["ok", "idle", "running", "up", "ended", "off", "standby"];

function render({ model, el }) {
  const { root, note, body } = frame(el, model, "System", "system");
  body.classList.add("rt-scroll");
  const ms = (v) => (v < 10 ? v.toFixed(1) : String(Math.round(v)));
  const number = (v) => (v == null ? "–" : v.toLocaleString("en-GB"));
  // A state is a sign and a word: ● fine, ▲ look at this.
  const state = (word, text) => h("span", { class: "h-state", "data-ok": GOOD.includes(word.split(":")[0]) ? "yes" : "no" }, text ?? word);
  const part = (title, ...content) => h("section", { class: "h-part" }, h("h4", {}, title), content);
  const list = (rows) => h("dl", {}, rows.filter(Boolean).map(([k, v]) => [h("dt", {}, k), h("dd", {}, v)]));

  const draw = (data) => {
    if (!data) return body.replaceChildren(empty("nothing is known of the engine yet"));
    put(note, data.alarms.length ? `${data.alarms.length} alarm${data.alarms.length > 1 ? "s" : ""}` : "all systems fine");
    const top = Math.max(1, ...data.stages.map((s) => s.p99_ms));
    const width = (v) => `${((100 * Math.log10(1 + 10 * v)) / Math.log10(1 + 10 * top)).toFixed(1)}%`;
    const f = data.frames, link = data.link;
    const refused = Object.entries(data.refused);
    body.replaceChildren(
      data.alarms.length ? h("div", { class: "h-alarms", role: "alert" }, data.alarms.map((a) => h("p", { "data-level": a.level }, `▲ ${a.text}`))) : "",
      h("div", { class: "h-grid" },
        part("Latency, ms", data.stages.length ? h("table", {}, h("thead", {}, h("tr", {}, ["Stage", "median", "p95", "p99", "", "passes"].map((t) => h("th", { scope: "col" }, t)))),
          h("tbody", {}, data.stages.map((s) => h("tr", {}, h("th", { scope: "row" }, s.name), h("td", {}, ms(s.p50_ms)), h("td", {}, ms(s.p95_ms)), h("td", {}, ms(s.p99_ms)),
            h("td", {}, h("span", { class: "h-bar", title: "median, p95 and p99 on a logarithmic scale" }, h("i", { style: `width:${width(s.p99_ms)}` }), h("i", { style: `width:${width(s.p95_ms)}` }), h("i", { style: `width:${width(s.p50_ms)}` }))), h("td", {}, number(s.count)))))) : h("p", {}, "not measured yet")),
        part("Feeds", h("table", {}, h("thead", {}, h("tr", {}, ["Feed", "state", "age", "frames"].map((t) => h("th", { scope: "col" }, t)))),
          h("tbody", {}, data.feeds.map((x) => h("tr", {}, h("th", { scope: "row" }, x.name), h("td", {}, state(x.state)), h("td", {}, x.age_s == null ? "–" : `${x.age_s.toFixed(1)} s`), h("td", {}, number(x.frames))))))),
        part("Frames", list([["in", number(f.in)], ["processed", f.in === f.processed ? `${number(f.processed)}, all` : `${number(f.processed)}, ${f.in - f.processed} to come`], ["refused", number(f.refused)], ["duplicates · late", `${number(f.duplicates)} · ${number(f.late)}`], f.per_s == null ? null : ["a second", f.per_s.toFixed(0)], ["behind the clock", `${f.behind_s.toFixed(1)} s`]])),
        part("Waiting and skipped", list(Object.entries(data.queues).map(([k, v]) => [k, number(v)]))),
        part("Refused, by reason", refused.length ? list(refused.map(([k, v]) => [k, number(v)])) : h("p", {}, "nothing was refused")),
        part("Parts", list([
          ["desk", state(data.desk.state, data.desk.error ? `failed: ${data.desk.error}` : `${data.desk.state}, ${number(data.desk.answers)} answers`)],
          ["kernel", data.backend ? `${data.backend}, ${data.threads ?? "?"} threads` : "no answer yet"],
          ["language model", state(data.model)],
          ["journal", state(data.journal.state, `${data.journal.state}, ${number(data.journal.frames)} frames`)],
          ["memory", data.memory_mib == null ? "–" : `${Math.round(data.memory_mib)} MiB`],
          ["up for", data.uptime_s == null ? "–" : clock(data.uptime_s)],
          ["screens and readers", number(data.viewers)],
          link ? ["this screen", state(link.state, { up: "connected", lost: `reconnecting: ${link.text}`, connecting: "connecting", ended: "the race has ended" }[link.state] + (link.reconnects ? `, ${link.reconnects} reconnect${link.reconnects > 1 ? "s" : ""}` : ""))] : null,
        ]))));
  };
  return watch(model, root, draw);
}

export default { render };
