import { frame, watch, h, put, attr, empty, clock } from "./format.js";

const SIGN = { urgent: "!!", moderate: "!", optional: "i" };
const WORD = { urgent: "Urgent", moderate: "Moderate", optional: "Optional" };
const PARTS = [["alternatives", "Instead"]];
const ACTIONS = [["accept", "accepted", "Accept", "a"], ["reject", "rejected", "Reject", "r"], ["pin", "pinned", "Pin", "p"]];

function render({ model, el }) {
  const { root, note, body } = frame(el, model, "Advice", "advice");
  const cards = h("div", { class: "a-cards rt-scroll" });
  const follow = h("div", { class: "a-follow", role: "note", hidden: true });
  const answer = h("div", { class: "a-reply", "aria-live": "polite", hidden: true });
  const input = h("input", { type: "text", class: "a-question", maxlength: 200, placeholder: "Ask: why not lap 27?  what if they cover?", "aria-label": "follow-up question about the call" });
  const form = h("form", { class: "a-ask" }, input, h("button", { type: "submit" }, "Ask"));
  const evidence = h("div", { class: "a-evidence", role: "status", hidden: true });
  body.classList.add("a-body");
  body.append(follow, cards, answer, form, evidence);
  const open = new Set();
  let before = "", replied = "", followed = "", kept = null;

  // --- the facts behind a sentence: shown while the pointer or the focus is on it, and held by a click ------------------
  const unit = (f) => (f.unit ? ` ${f.unit}` : "");
  const digits = (v) => (typeof v === "number" && !Number.isInteger(v) ? String(Number(v.toFixed(3))) : String(v));
  const show = (sentence, facts, hold) => {
    const chosen = facts.filter((f) => sentence.facts.includes(f.id));
    evidence.hidden = !chosen.length;
    attr(evidence, "data-held", hold ? "yes" : null);
    evidence.replaceChildren(
      h("div", { class: "a-ehead" }, h("b", {}, chosen.length === 1 ? "The fact behind it" : `The ${chosen.length} facts behind it`), hold ? h("button", { type: "button", "aria-label": "close", onclick: () => { kept = null; evidence.hidden = true; } }, "×") : null),
      h("ul", {}, chosen.map((f) => h("li", { "data-fact": f.id },
        h("span", { class: "a-ftext" }, f.text),
        h("span", { class: "a-fvalue" }, `${digits(f.value)}${unit(f)}`, f.low != null && f.high != null ? ` (90 %: ${digits(f.low)} to ${digits(f.high)})` : ""),
        h("span", { class: "a-fsource", title: f.receipt || null }, f.source)))));
  };
  const hide = () => { if (!kept) evidence.hidden = true; };
  const speak = (s, facts, kind = "") => {
    if (!s.facts.length) return [h("span", { class: `a-s ${kind}` }, s.text), " "];
    const node = h("span", { class: `a-s a-rests ${kind}`, tabindex: 0, role: "button", "data-facts": s.facts.join(" "), "aria-label": `${s.text} Facts behind it` }, s.text);
    node.addEventListener("pointerenter", () => kept || show(s, facts, false));
    node.addEventListener("pointerleave", hide);
    node.addEventListener("focus", () => kept || show(s, facts, false));
    node.addEventListener("blur", hide);
    const hold = (e) => { e.preventDefault(); e.stopPropagation(); kept = kept === s ? null : s; kept ? show(s, facts, true) : hide(); };
    node.addEventListener("click", hold);
    node.addEventListener("keydown", (e) => { if (e.key === "Enter" || e.key === " ") hold(e); else if (e.key === "Escape") { kept = null; evidence.hidden = true; e.stopPropagation(); } });
    return [node, " "];
  };

  // --- one piece of advice --------------------------------------------------------------------------------------------
  const due = (a, data) => {
    if (a.execution_lap == null) return "";
    const laps = a.execution_lap - data.lap;
    if (laps < 0) return `was due on lap ${a.execution_lap}`;
    const away = laps + (data.entry ?? 1) - (data.fraction ?? 0);
    if (away <= 0) return "past the pit entry";
    if (laps <= 1 && data.lap_s && data.fraction != null) return `${laps === 0 ? "this lap" : "next lap"} · ${data.entry == null ? "the line" : "pit entry"} in ${clock(away * data.lap_s)}`;
    return laps === 0 ? "this lap" : laps === 1 ? "next lap" : `in ${laps} laps`;
  };
  const LIFE = { new: "new", changed: "changed", confirmed: "", withdrawn: "withdrawn" };
  const act = (a, action) => {
    const on = action === "pin" ? a.pinned : a.handling === ACTIONS.find((x) => x[0] === action)[1];
    model.send({ advice: a.id, action: on ? (action === "pin" ? "unpin" : "reopen") : action });
  };
  const source = (a) => {
    const share = a.claims == null ? "" : ` · ${a.supported} of ${a.claims} claims supported`;
    const own = { asked: "own wording, the model is asked", refused: `own wording${share} · model refused: ${a.detail}`, unavailable: `own wording${share} · no model: ${a.detail}` };
    const who = a.wording === "model" ? `worded by ${a.model ?? "the model"}${a.small ? " (small)" : ""}` : own[a.worded] ?? "own wording";
    return h("div", { class: "a-source", "data-worded": a.worded, title: a.objections.length ? `The checker's objections:\n${a.objections.join("\n")}` : null }, who.includes(share) ? who : who + share);
  };
  const card = (a, data, first) => {
    const told = a.state === "changed" && a.reason; // said above the rest, so not once more among the reasons
    const of = (part) => a.sentences.filter((s) => s.part === part && !(told && s.part === "reasoning" && s.text === a.reason));
    const line = (part, kind, gain = null) => (of(part).length ? h("div", { class: kind, "data-gain": gain }, of(part).map((s) => speak(s, a.facts))) : null);
    const gone = a.state === "withdrawn";
    const life = LIFE[a.state] || (a.since < a.lap ? `since lap ${a.since}` : "");
    const buttons = gone ? null : h("div", { class: "a-acts", role: "group", "aria-label": "what to do with it" },
      ACTIONS.map(([action, done, text, key]) => h("button", { type: "button", "data-action": action, title: `${text} (${key.toUpperCase()})`, "aria-pressed": String(action === "pin" ? a.pinned : a.handling === done), onclick: (e) => { e.stopPropagation(); act(a, action); } }, text)),
      a.by ? h("span", { class: "a-by" }, `by ${a.by}`) : null);
    const more = h("details", { class: "a-more", open: open.has(a.id) },
      h("summary", {}, "Why, and what else"),
      line("reasoning", first ? "a-why a-again" : "a-why"),
      of("risks").length > 1 ? h("div", { class: "a-part" }, h("b", {}, "Risks"), h("ul", {}, of("risks").slice(1).map((s) => h("li", {}, speak(s, a.facts))))) : null,
      PARTS.map(([part, title]) => (of(part).length ? h("div", { class: "a-part" }, h("b", {}, title), h("ul", {}, of(part).map((s) => h("li", {}, speak(s, a.facts))))) : null)),
      source(a));
    more.addEventListener("toggle", () => (more.open ? open.add(a.id) : open.delete(a.id)));
    const node = h("article", { class: "a-card", tabindex: 0, "data-priority": a.priority, "data-id": a.id, "data-state": a.state, "data-handling": a.handling, "data-pinned": a.pinned ? "yes" : null, "aria-label": `${WORD[a.priority]}: ${a.title}` },
      h("span", { class: "a-sign", title: WORD[a.priority] }, gone ? "–" : SIGN[a.priority]),
      h("div", { class: "a-main" },
        h("div", { class: "a-top" }, h("span", { class: "a-word" }, gone ? "Withdrawn" : WORD[a.priority], life && !gone ? h("span", { class: "a-life", "data-life": a.state }, life) : null, a.pinned ? h("span", { class: "a-life" }, "pinned") : null, a.handling !== "open" ? h("span", { class: "a-life" }, a.handling) : null),
          h("span", { class: "a-due", "data-lap": a.execution_lap ?? "" }, due(a, data))),
        h("b", { class: "a-title" }, speak({ text: a.title, facts: a.title_facts }, a.facts)[0]),
        told ? h("div", { class: "a-reason" }, "Changed: ", speak({ text: a.reason, facts: a.reason_facts }, a.facts)[0]) : null,
        line("description", "a-text"),
        line("expected_benefit", "a-benefit", a.gain),
        buttons,
        first ? line("reasoning", "a-why") : null,
        of("risks").length ? h("div", { class: "a-risk" }, speak(of("risks")[0], a.facts)) : null,
        gone ? null : more));
    const unfold = () => { if (cards.dataset.tight && !first && !gone) more.open = true; };
    node.addEventListener("click", (e) => { if (!e.target.closest("button, summary, details")) unfold(); });
    node.addEventListener("keydown", (e) => {
      if (e.key === "Enter" && e.target === node) unfold();
      const found = ACTIONS.find((x) => x[3] === e.key.toLowerCase());
      if (!found || gone || e.ctrlKey || e.metaKey || e.altKey) return;
      e.preventDefault(); e.stopPropagation();
      act(a, found[0]);
    });
    return node;
  };

  // --- a plan that the viewer follows, beside the call that all of this is about -----------------------------------------
  const following = (f) => {
    const now = JSON.stringify(f ?? null);
    if (now === followed) return;
    followed = now;
    follow.hidden = !f;
    if (!f) return follow.replaceChildren();
    follow.replaceChildren("You follow ", h("b", {}, f.plan), "; this advice is about the call, ", h("b", {}, f.call), ". ",
      ...(f.sentences.length ? f.sentences.flatMap((s) => speak(s, f.facts)) : ["The newest answer did not weigh the plan that you follow."]));
  };

  // --- follow-up ------------------------------------------------------------------------------------------------------
  for (const type of ["keydown", "keyup", "keypress"]) input.addEventListener(type, (e) => e.stopPropagation());
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    const question = input.value.trim();
    if (question.length < 3) return;
    model.send({ question });
    input.value = "";
  });
  const reply = (r) => {
    const now = JSON.stringify(r ?? null);
    if (now === replied) return;
    replied = now;
    answer.hidden = !r;
    if (!r) return answer.replaceChildren();
    const head = h("div", { class: "a-rhead" }, h("b", {}, r.question), h("button", { type: "button", "aria-label": "close the answer", onclick: () => { answer.hidden = true; } }, "×"));
    const said = r.state === "asked" ? h("span", { class: "a-wait" }, "being worked out …")
      : r.state === "refused" ? h("span", { class: "a-risk" }, r.text)
        : [h("div", { class: "a-text" }, r.sentences.length ? r.sentences.map((s) => speak(s, r.facts)) : r.text),
          h("div", { class: "a-source" }, `about '${r.call}' after lap ${r.lap} · ${r.supported} of ${r.claims} claims supported${r.simulated ? " · races run for it" : ""}${r.elapsed_s != null ? ` · ${r.elapsed_s.toFixed(1)} s` : ""}`)];
    attr(answer, "data-state", r.state);
    answer.replaceChildren(head, ...[said].flat());
  };

  // Where not all of it has room, what is less urgent than the first shows its title until it is opened, whole and not cut in half;
  // where that is not enough, the first one's reasons go among the rest of "Why".
  const fit = () => {
    for (const tight of [null, "1", "2"]) {
      attr(cards, "data-tight", tight);
      if (cards.scrollHeight <= cards.clientHeight + 2) return;
    }
  };
  const sizes = new ResizeObserver(fit);
  sizes.observe(cards);

  const draw = (data) => {
    const advice = data?.advice ?? [];
    reply(data?.reply);
    following(advice.length ? data.following : null);
    const now = JSON.stringify([advice, data?.lap, data?.car, data?.why]);
    form.hidden = !advice.length;
    if (now === before) {
      for (const [i, node] of [...cards.querySelectorAll(".a-due")].entries()) put(node, due(advice[i], data)); // only the countdown runs
      return;
    }
    before = now;
    if (!advice.length) {
      put(note, "");
      return cards.replaceChildren(empty(data?.why ?? "no advice for this car yet"));
    }
    const focused = cards.contains(document.activeElement) ? document.activeElement.closest(".a-card")?.dataset.id : null;
    put(note, `after lap ${advice[0].lap}` + (advice.some((a) => a.wording === "model") ? " · worded by the model" : ""));
    if (!kept) evidence.hidden = true;
    cards.replaceChildren(...advice.map((a, i) => card(a, data, i === 0 && a.state !== "withdrawn")));
    fit();
    if (focused) cards.querySelector(`[data-id="${focused}"]`)?.focus({ preventScroll: true });
  };
  const stop = watch(model, root, draw);
  return () => {
    sizes.disconnect();
    stop();
  };
}

export default { render };
