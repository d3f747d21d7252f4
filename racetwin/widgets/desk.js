import { frame, watch, h, put, attr, percent, planWords, signed } from "./format.js";

function render({ model, el }) {
  const { root, note, body } = frame(el, model, "Ask the desk", "desk");
  let last = null, shown = "", asked = null;
  const aim = h("select", { "aria-label": "what to aim for" });
  const buttons = h("div", { class: "k-kinds", role: "group", "aria-label": "questions" });
  const result = h("div", { class: "k-result", "aria-live": "polite" });
  body.append(h("div", { class: "k-ask" }, h("label", { class: "k-aim" }, h("span", {}, "Aim"), aim), buttons), result);
  const ask = (kind) => { asked = kind; model.send({ ask: kind, aim: aim.value }); };
  aim.addEventListener("change", () => ask(asked && asked !== "team" ? asked : "plans"));

  const table = (heads, rows) => h("table", { class: "k-table" }, h("thead", {}, h("tr", {}, heads.map((t) => h("th", {}, t)))), h("tbody", {}, rows));
  const behind = (row) => (row.delta === 0 ? "best" : `${signed(row.delta, 2)} ± ${row.delta_error.toFixed(2)}`);
  const verdict = (row) => (row.delta === 0 ? "" : row.too_close ? "too close" : "");
  const named = (row) => h("td", { class: "k-plan", title: row.plan }, row.now ? h("b", { class: "k-now" }, "BOX NOW ") : null, planWords(row.plan));
  const ranked = (a) => table(["Plan", "finish", "points", "win", "podium", `by ${a.objective}`, ""],
    a.rows.map((r) => h("tr", { "data-best": r.best }, named(r), h("td", {}, `P${r.position.toFixed(1)}`), h("td", {}, r.points.toFixed(1)), h("td", {}, percent(r.win)), h("td", {}, percent(r.podium)), h("td", {}, behind(r)), h("td", { class: "k-close" }, verdict(r)))));
  const levers = (a) => table(["If", "the best is", "over today's best", ""],
    a.levers.map((s) => h("tr", { "data-changes": s.changes }, h("td", {}, s.lever), h("td", { class: "k-plan", title: s.best }, planWords(s.best)), h("td", {}, s.changes ? `${signed(s.gain, 2)} ± ${s.error.toFixed(2)}` : "–"), h("td", { class: "k-close" }, s.changes ? "changes the call" : "same call"))));
  const pairs = (a) => table([a.drivers[0], a.drivers[1], "points", "each", "Δ", ""],
    a.rows.map((r, k) => h("tr", { "data-best": k === 0 }, r.plans.map((p) => h("td", { class: "k-plan", title: p }, planWords(p))), h("td", {}, `${r.points.toFixed(1)} ± ${r.error.toFixed(2)}`), h("td", {}, r.each.map((p) => p.toFixed(1)).join(" + ")), h("td", {}, k ? behind(r) : "best"), h("td", { class: "k-close" }, [r.stacked ? "double stack" : "", k ? verdict(r) : ""].filter(Boolean).join(" · ")))));
  const rounds = (a) => h("ol", { class: "k-rounds" }, a.rounds.map((r) => h("li", {}, h("b", {}, planWords(r.plan)), ` ${r.points.toFixed(1)} pts`, r.rivals.map(([who, plan]) => h("span", { class: "k-answer" }, `${who} answers ${planWords(plan)}`)))));

  const answer = (a) => {
    switch (a.kind) {
      case "team": return [pairs(a)];
      case "sensitivity": return [levers(a)];
      case "responses": return [h("p", { class: "k-say" }, a.settled ? "Nobody wants to change any more." : "Still changing after the last round."), rounds(a), ranked(a)];
      default: return [ranked(a)];
    }
  };
  const draw = (data) => {
    if (!data) return;
    if (data.car !== last?.car) asked = null;
    last = data;
    const offered = JSON.stringify([data.aims, data.kinds]);
    if (offered !== aim.dataset.offered) {
      const kept = aim.value;
      aim.dataset.offered = offered;
      aim.replaceChildren(...data.aims.map(([value, text]) => h("option", { value }, text)));
      aim.value = data.aims.some(([value]) => value === kept) ? kept : "points";
      if (buttons.children.length !== data.kinds.length) buttons.replaceChildren(...data.kinds.map(([kind, text]) => h("button", { type: "button", "data-kind": kind, onclick: () => ask(kind) }, text)));
    }
    const a = data.answer;
    for (const b of [...buttons.children, aim]) b.disabled = Boolean(data.over); // nothing is left to race
    for (const b of buttons.children) attr(b, "aria-pressed", b.dataset.kind === (data.asked ?? a?.kind) ? "true" : "false");
    attr(root, "data-busy", data.asked ? "yes" : "no");
    put(note, data.asked ? "racing it …" : a ? `${a.title.replace(/\?$/, "")} · after lap ${a.lap} · ${a.kind === "team" ? "" : "the best on "}${a.races.toLocaleString("en-GB")} races${a.kind === "team" ? " a plan" : ""}` : `for ${data.driver}`);
    const key = JSON.stringify([a, data.error, data.over]);
    if (key === shown) return;
    shown = key;
    if (data.error) return result.replaceChildren(h("p", { class: "k-error" }, data.error));
    if (!a) return result.replaceChildren(h("p", { class: "k-none" }, data.over ?? "Choose an aim, or ask: the desk races it from the present lap. Answers stay until you ask again."));
    result.replaceChildren(...answer(a));
  };
  return watch(model, root, draw);
}

export default { render };
