import { frame, watch, h, put, attr, clock, pace } from "./format.js";

function render({ model, el }) {
  const { root, body } = frame(el, model, "", "timeline");
  attr(root, "aria-label", "The screen's clock");
  const button = (text, label, message) => h("button", { type: "button", title: label, "aria-label": label, onclick: () => model.send(message) }, text);
  const pause = h("button", { type: "button", class: "l-pause", onclick: () => model.send({ hold: true }) });
  const back = button("◀", "back a lap (←)", { laps: -1 }), on = button("▶", "on a lap (→)", { laps: 1 });
  const live = h("button", { type: "button", class: "l-live", title: "return to the race (Escape)", onclick: () => model.send({ live: true }) }, h("i", { "aria-hidden": "true" }), "LIVE");
  const marks = h("div", { class: "l-marks", "aria-hidden": "true" });
  const slider = h("input", { type: "range", min: 1, max: 60, step: 1, "aria-label": "lap shown" });
  const where = h("output", { class: "l-where" });
  const frames = h("span", { class: "l-frames", title: "frames of telemetry that came in, and whether every one of them has been worked through" });
  const delay = h("input", { type: "number", min: 0, max: 300, step: 1, value: 0, "aria-label": "seconds that the race is shown late" });
  const late = h("label", { class: "l-delay", title: "shows the race so many seconds late, so that it lines up with a television picture; the engine is not held back" }, "TV delay", delay, "s");
  body.append(pause, back, on, h("div", { class: "l-line" }, marks, slider), where, live, late, frames);
  let data = null, touching = false, drawn = "";

  const label = (lap) => put(where, data.held == null && !touching ? `lap ${lap} · ${clock(data.time)}` : `lap ${lap}, ${Math.max(0, data.newest - lap)} behind`);
  slider.addEventListener("input", () => { touching = true; label(Number(slider.value)); });
  slider.addEventListener("change", () => {
    touching = false;
    const lap = Number(slider.value);
    model.send(lap >= data.newest ? { live: true } : { lap: Math.max(1, lap - 1) });
  });
  delay.addEventListener("change", () => {
    const seconds = Math.min(300, Math.max(0, Number(delay.value) || 0));
    delay.value = String(seconds);
    delay.blur(); // the keys are the board's again
    model.send({ delay: seconds });
  });

  const draw = (next) => {
    if (!next) return;
    data = next;
    const total = data.total_laps ?? data.newest;
    attr(slider, "max", total);
    if (!touching) { slider.value = String(data.lap); label(data.lap); }
    attr(root, "data-held", data.held == null ? "no" : "yes");
    put(pause, data.held == null ? "❚❚" : "►");
    for (const name of ["title", "aria-label"]) attr(pause, name, data.held == null ? "pause this screen (space)" : "go on (space)");
    const following = data.held == null;
    attr(live, "aria-pressed", following ? "true" : "false");
    attr(live, "data-late", data.delay ? "yes" : null);
    put(live.lastChild, following ? (data.finished ? "END" : data.delay ? `−${data.delay} s` : pace(data).toUpperCase()) : pace(data) === "live" ? "BACK TO LIVE" : "BACK TO NOW");
    attr(live, "data-kind", pace(data) === "live" ? null : "replay");
    late.hidden = data.delay == null;
    if (data.delay != null && document.activeElement !== delay) delay.value = String(data.delay);
    const waiting = data.frames_in - data.frames_processed;
    put(frames, `${data.frames_in.toLocaleString("en-GB")} frames, ${waiting ? `${waiting} waiting` : "all processed"}` + (data.frames_rejected ? `, ${data.frames_rejected} refused` : ""));
    attr(frames, "data-in", data.frames_in);
    attr(frames, "data-processed", data.frames_processed);
    const key = JSON.stringify([data.spans, data.stops, total, data.newest]);
    if (key !== drawn) {
      drawn = key;
      const at = (lap) => `${(100 * Math.min(Math.max(lap - 1, 0), total - 1)) / Math.max(1, total - 1)}%`;
      const wide = (n) => `${(100 * n) / Math.max(1, total - 1)}%`;
      marks.replaceChildren(h("i", { class: "l-run", style: `width:${at(data.newest)}` }), ...data.spans.map(([a, b, s]) => h("i", { class: "l-span", "data-status": s, title: `${s}, laps ${a} to ${b}`, style: `left:${at(a)};width:${wide(b - a + 1)}` })), ...data.stops.map((l) => h("i", { class: "l-stop", title: `our stop on lap ${l}`, style: `left:${at(l)}` })));
    }
  };
  return watch(model, root, draw);
}

export default { render };
