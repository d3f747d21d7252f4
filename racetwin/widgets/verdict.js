import { frame, watch, h, put, attr, signed, percent, planWords, ordinal, clock, pace, boardKey, ownsPage } from "./format.js";

const STATUS = {
  GREEN: ["GREEN", "calm"], YELLOW: ["YELLOW", "caution"], SC: ["SAFETY CAR", "caution"], VSC: ["VSC", "caution"],
  VSC_ENDING: ["VSC ENDING", "caution"], RED: ["RED FLAG", "alarm"],
};
const SURE = {
  clear: ["Clear call", 3], slight: ["Slight edge", 2], open: ["Too close to call", 1], worse: ["It costs points", 0], "": ["–", 0],
};

function render({ model, el }) {
  const { root, body } = frame(el, model, "Verdict", "verdict");
  root.querySelector(".rt-head")?.remove();

  const select = h("select", { "aria-label": "Our car", onchange: () => model.send({ choose: select.value }) });
  const label = h("span", { class: "v-label" });
  const position = h("span", { class: "v-position" });
  const headline = h("strong", { class: "v-headline", role: "status", "aria-live": "polite" });
  const detail = h("span", { class: "v-detail" });
  const call = h("div", { class: "v-call" }, headline, detail);
  const who = h("div", { class: "v-who" }, label, h("div", { class: "v-car" }, select), position);

  const fact = (name, label) => {
    const value = h("strong");
    const more = h("span", { class: "v-more" }), title = h("span", { class: "v-label" }, label);
    return { node: h("div", { class: `v-fact v-${name}` }, title, value, more), name: title, value, more };
  };
  const rejoin = fact("rejoin", "If we box now");
  const sure = fact("sure", "Now or later?");
  const meter = h("span", { class: "v-meter", "aria-hidden": "true" }, h("i"), h("i"), h("i"));
  const sureWord = h("span");
  sure.value.append(sureWord, meter);
  const outcome = fact("outcome", "Average finish, this call");

  const lap = h("strong");
  const total = h("span", { class: "v-more" });
  const lapBar = h("span", { class: "v-bar" }, h("i"));
  const lapFact = h("div", { class: "v-fact v-lap" }, h("span", { class: "v-label" }, "Lap"), h("div", {}, lap, total), lapBar);
  const status = h("span", { class: "rt-tag v-status" });
  const simulated = h("span", { class: "rt-tag", "data-kind": "simulated", title: "this race was drawn from the race model, not timed on a track" }, "SIMULATED");
  const held = h("button", { type: "button", class: "rt-tag v-held", "data-kind": "alarm", title: "this screen stands still; back to the race (Escape)", onclick: () => model.send({ live: true }) });
  const event = h("span", { class: "v-event" });
  const feed = h("span", { class: "v-feed" });
  const race = h("div", { class: "v-race" }, h("div", { class: "v-tags" }, held, status, simulated, feed), event);
  body.append(who, call, rejoin.node, sure.node, outcome.node, lapFact, race);

  // What the race itself cannot say: that nothing comes any more, because the connection or the kernel is gone.
  let last = null, heard = performance.now();
  const SILENT_S = 4;
  const listen = () => {
    if (!last) return;
    const lost = last.link?.state === "lost" || last.link?.state === "connecting";
    const silent = (performance.now() - heard) / 1000;
    const gone = last.held == null && !last.finished && last.link?.state !== "ended";
    attr(root, "data-link", lost ? "lost" : gone && silent > SILENT_S ? "silent" : "up");
    if (lost) put(feed, `reconnecting, ${Math.max(0, Date.now() / 1000 - last.link.since).toFixed(0)} s: ${last.link.text || "no connection yet"}`);
    else if (gone && silent > SILENT_S) put(feed, `nothing from the kernel for ${silent.toFixed(0)} s`);
    if (lost || (gone && silent > SILENT_S)) attr(feed, "data-kind", "late");
  };
  const ticking = setInterval(listen, 1000);
  model.on("change:data", () => (heard = performance.now()));

  let cars = "";
  const draw = (data) => {
    if (!data) return;
    const ids = data.cars.map((c) => c.id).sort((a, b) => a - b).join();
    if (ids !== cars) {
      cars = ids;
      const sorted = [...data.cars].sort((a, b) => a.driver.localeCompare(b.driver));
      select.replaceChildren(...sorted.map((c) => h("option", { value: c.id }, c.driver)));
    }
    if (document.activeElement !== select || !select.matches(":open")) select.value = data.car;
    put(label, `Our car · ${data.car}`);
    // A place from before the stop is said to be that: a feed that times cars at the line has no newer one for a lap.
    put(position, !data.position || data.over?.retired ? "" : data.place_age == null ? ordinal(data.position) : `was ${ordinal(data.position)}, ${data.in_pit ? "in pit" : "out lap"}`);
    attr(position, "data-old", data.place_age == null ? null : "yes");
    attr(position, "title", data.place_age == null ? null : `as timed at the line ${data.place_age} s ago, before the stop: the next line says where it came out`);

    const v = data.verdict;
    attr(root, "data-call", v.call);
    attr(root, "data-sure", v.sure);
    put(headline, v.headline);
    put(detail, v.detail);

    const r = data.rejoin;
    const over = data.over;
    put(rejoin.value, r ? ordinal(r.position) : "–");
    const side = (word, name, s) => (name ? `${word} ${name}${s == null ? "" : `\u00a0${s.toFixed(1)}\u00a0s`}` : null);
    put(rejoin.more, r ? `${percent(r.probability)} likely${r.or ? `, ${ordinal(r.or[0])}\u00a0${percent(r.or[1])}` : ""} · ` + ([side("behind", r.ahead, r.gap_ahead), side("ahead of", r.behind, r.gap_behind)].filter(Boolean).join(", ") || "alone") : over ? "our race is over" : v.headline === "IN THE PITS" ? "it is in the pits" : "no answer yet");

    const [word, bars] = SURE[v.sure];
    put(sureWord, word);
    attr(meter, "data-bars", bars);
    const against = v.call === "box" ? "over staying out" : "over boxing now";
    put(sure.more, v.advantage == null ? (v.call === "stay" || v.call === "box" ? "nothing to compare with" : "")
      : `${signed(v.advantage, 2)} ± ${v.standard_error.toFixed(2)} pts ${against}` + (v.age_laps > 0 ? ` · ${v.age_laps} lap${v.age_laps > 1 ? "s" : ""} old` : ""));

    put(outcome.name, over ? (over.retired ? "Our stops" : "Finished") : v.followed ? "Average finish, our plan" : "Average finish, this call");
    put(outcome.value, over ? (over.retired ? String(over.n_stops) : over.position == null ? "–" : ordinal(over.position)) : v.expected_position == null ? "–" : `P${v.expected_position.toFixed(1)}`);
    put(outcome.more, over ? `our stops: ${over.stops}` : v.p_points == null ? (v.plan ? `${planWords(v.plan)} was not weighed` : "") : `${percent(v.p_points)} in the points · ${planWords(v.plan)}`);
    attr(outcome.more, "title", v.plan);

    put(lap, String(data.lap));
    put(total, data.total_laps ? ` / ${data.total_laps}` : "");
    lapBar.firstChild.style.width = data.total_laps ? `${(100 * data.lap) / data.total_laps}%` : "0";
    const [text, kind] = data.finished ? ["CHEQUERED FLAG", "calm"] : STATUS[data.status] ?? [data.status, ""];
    put(status, text);
    attr(status, "data-kind", kind);
    held.hidden = data.held == null;
    put(held, `HELD AT LAP ${data.held} ✕`);
    attr(root, "data-held", data.held == null ? "no" : "yes");
    simulated.hidden = !data.simulated;
    put(event, `${data.event} · ${clock(data.time)}`);
    attr(event, "title", data.event);
    last = data;
    const late = data.frame_age != null && data.frame_age > 2 && !data.finished;
    put(feed, late ? `silent ${data.frame_age.toFixed(0)} s` : data.finished ? "ended" : pace(data) + (data.delay ? `, ${data.delay} s late` : ""));
    attr(feed, "data-kind", late ? "late" : "ok");
    attr(feed, "title", data.frame_age == null ? "age of the newest frame not known" : `newest frame ${data.frame_age.toFixed(1)} s old`);
    listen();
    attr(root, "data-seq", data.seq);
  };

  // Keys: previous and next car by position, and the screen's clock. They work after any click: what was clicked lets go of the
  // focus, which stays where Tab has put it only. In a notebook they work where the board has the focus, and there the notebook
  // must not take them for its own.
  const board = () => root.closest(".rt-board") ?? root;
  let pointed = false;
  const letGo = () => {
    const at = document.activeElement;
    if (!board().contains(at) || !at.matches("button, select, summary, input[type=range], [role=button], .t-row, .p-row")) return;
    at.blur();
    if (!ownsPage(board())) board().focus({ preventScroll: true });
  };
  const clicked = (event) => {
    if (!board().contains(event.target)) return;
    if (event.type === "pointerdown" && !ownsPage(board())) {
      board().tabIndex = -1;
      board().setAttribute("data-lm-suppress-shortcuts", "");
    }
    if (event.type === "pointerdown" || event.type === "keydown") return void (pointed = event.type === "pointerdown");
    if (event.type === "click" ? event.detail > 0 && !event.target.matches("select") : pointed && event.target.matches("select")) letGo();
  };
  const HEARD = ["pointerdown", "keydown", "click", "change"];
  for (const type of HEARD) document.addEventListener(type, clicked, true); // before anybody stops them
  const keys = (event) => {
    if (!boardKey(root, event)) return;
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    if (step) {
      model.send({ step });
      event.preventDefault();
    } else if (event.key === "t") model.send({ toggle: "theme" });
    else if (event.key === " ") {
      model.send({ hold: true });
      event.preventDefault();
    } else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      model.send({ laps: event.key === "ArrowLeft" ? -1 : 1 });
      event.preventDefault();
    } else if (event.key === "Escape") model.send({ live: true });
  };
  document.addEventListener("keydown", keys);
  const page = document.body.hasAttribute("data-voila") ? window.location.search : "";
  model.send({ page });
  const beat = setInterval(() => model.send({ here: true }), 5000);
  const stop = watch(model, root, draw);
  return () => {
    document.removeEventListener("keydown", keys);
    for (const type of HEARD) document.removeEventListener(type, clicked, true);
    clearInterval(beat);
    clearInterval(ticking);
    stop();
  };
}

export default { render };
