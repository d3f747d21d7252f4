// What all panels share: unpacking the binary payload, wording of times and gaps, and a few lines of DOM.
// A panel's script begins with an import from "./format.js"; the Python side joins the two files into one module, because an
// anywidget is a single module and nothing may be fetched from elsewhere on race day.

const utf8 = new TextDecoder();

/** Decode a payload: uint32 length of the JSON head, the head, then (from the next multiple of 4) little-endian float32 arrays. */
export function unpack(view) {
  if (!view || view.byteLength < 4) return null;
  const length = view.getUint32(0, true);
  const data = JSON.parse(utf8.decode(new Uint8Array(view.buffer, view.byteOffset + 4, length)));
  let at = 4 + length + ((4 - (length % 4)) % 4);
  for (const [name, shape] of Object.entries(data.arrays ?? {})) {
    const size = shape.reduce((a, b) => a * b, 1);
    const bytes = view.buffer.slice(view.byteOffset + at, view.byteOffset + at + 4 * size);
    data[name] = { shape, values: new Float32Array(bytes) };
    at += 4 * size;
  }
  return data;
}

/** 92.345 -> "1:32.345" */
export function lapTime(seconds) {
  if (seconds == null || !Number.isFinite(seconds)) return "–";
  const ms = Math.round(seconds * 1000);
  const minutes = Math.floor(ms / 60000);
  const rest = ((ms % 60000) / 1000).toFixed(3);
  return minutes ? `${minutes}:${rest.padStart(6, "0")}` : rest;
}

/** A gap in seconds as the timing screen words it: "+1.234", "+65.4", "+1 L" for a lapped car. */
export function gap(seconds, lapsDown = 0) {
  if (lapsDown > 0) return `+${lapsDown} L`;
  if (seconds == null || !Number.isFinite(seconds)) return "–";
  return `+${seconds.toFixed(seconds >= 100 ? 1 : 3)}`;
}

/** Signed number with a true minus: 1.5 -> "+1.5", -0.25 -> "−0.3". */
export function signed(value, digits = 1) {
  if (value == null || !Number.isFinite(value)) return "–";
  const text = Math.abs(value).toFixed(digits);
  if (Number(text) === 0) return text;
  return (value < 0 ? "−" : "+") + text;
}

/** Probability as a percentage that never claims certainty it does not have: "<1 %", "64 %", ">99 %". */
export function percent(p) {
  if (p == null || !Number.isFinite(p)) return "–";
  if (p > 0 && p < 0.005) return "<1 %";
  if (p < 1 && p > 0.995) return ">99 %";
  return `${Math.round(100 * p)} %`;
}

/** A plan as the pit wall says it: "L24 HARD (or SC)" boxes on lap 24, or as soon as a safety car comes before. */
export function planWords(text) {
  return text.replace(/ \(sooner under SC [^)]*\)/, " (or SC)");
}

export function ordinal(n) {
  return `P${n}`;
}

/** Seconds of race time as "1:02:33" or "32:10". */
export function clock(seconds) {
  if (seconds == null || !Number.isFinite(seconds)) return "–";
  const s = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, "0");
  const hours = Math.floor(s / 3600);
  return (hours ? `${hours}:${two(Math.floor(s / 60) % 60)}` : `${Math.floor(s / 60)}`) + `:${two(s % 60)}`;
}

/** How the race comes to the screen: "live", "replay ×20", "simulation ×20". */
export function pace({ replay, simulated, speed }) {
  if (!replay && !simulated) return "live";
  return `${replay ? "replay" : "simulation"} ${speed == null ? "at full speed" : `×${speed}`}`;
}

/** Element with attributes and children; `class` and data-* as attributes, on* as listeners, null children left out. */
export function h(tag, attributes = {}, ...children) {
  const space = ["svg", "rect", "line", "path", "text", "g", "circle", "polyline", "title"].includes(tag) ? "svg" : "html";
  const node = space === "svg" ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    const kept = key.startsWith("data-") || key.startsWith("aria-");
    if (value == null || (value === false && !kept)) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true && !kept ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((c) => c != null && c !== false));
  return node;
}

/** Write text only where it changed: at 10 Hz most cells stay as they are, and the browser need not lay them out again. */
export function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function attr(node, name, value) {
  if (value == null || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

const LETTER = { SOFT: "S", MEDIUM: "M", HARD: "H", INTERMEDIATE: "I", WET: "W" };

export function tyre(compound, age) {
  const node = h("span", { class: "rt-tyre" }, h("i"), h("span"));
  setTyre(node, compound, age);
  return node;
}

export function setTyre(node, compound, age) {
  attr(node, "data-compound", compound ?? "");
  put(node.firstChild, LETTER[compound] ?? "?");
  put(node.lastChild, age == null ? "" : String(Math.round(age)));
  attr(node, "title", compound ? `${compound.toLowerCase()}${age == null ? "" : `, ${Math.round(age)} laps old`}` : "tyre not known");
}

/** The frame of a panel: title on the left, a note on the right, and the body to draw into. */
export function frame(el, model, title, name) {
  const note = h("span", { class: "rt-note" });
  const body = h("div", { class: "rt-body" });
  const head = h("div", { class: "rt-head" }, h("h3", { class: "rt-title" }, title), note);
  const root = h("section", { class: `rt rt-${name}`, "aria-label": title }, title ? head : null, body);
  el.replaceChildren(root);
  el.classList.add("rt-host");
  return { root, head, note, body };
}

/** Whether the board has the page to itself (Voila): in a notebook, keys pressed elsewhere belong to the notebook. */
export function ownsPage(board) {
  return Boolean(board?.matches("[data-page]")) || document.body.hasAttribute("data-voila");
}

/** Whether a key is the board's: wherever the focus is, but for what that element itself does with the key. */
export function boardKey(root, event) {
  const board = root.closest(".rt-board") ?? root;
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return false;
  if (!ownsPage(board) && !board.contains(event.target)) return false;
  if (event.target.closest("textarea, [contenteditable], input:not([type=range], [type=checkbox])")) return false;
  if (event.target.closest("select")) return event.key === "Escape";
  if (event.target.closest("input[type=range], [role=slider]")) return !/^(Arrow|Page|Home|End)/.test(event.key);
  return !(event.target.closest("button, summary, a, [role=button]") && (event.key === " " || event.key === "Enter"));
}

/** What a panel says when there is nothing to show yet. */
export function empty(text) {
  return h("div", { class: "rt-empty" }, text);
}

/** Let a scrolling part say, in `data-more`, whether more lies below its lower edge. */
export function scrolls(node) {
  const look = () => attr(node, "data-more", node.scrollHeight - node.clientHeight - node.scrollTop > 3 ? "yes" : null);
  node.addEventListener("scroll", look, { passive: true });
  const sizes = new ResizeObserver(look), changes = new MutationObserver(look);
  sizes.observe(node);
  changes.observe(node, { childList: true, subtree: true, attributeFilter: ["open", "hidden"] });
  return () => { sizes.disconnect(); changes.disconnect(); };
}

/** Call `draw(data)` now and after every change of data, theme or size, at most once per animation frame. */
export function watch(model, root, draw) {
  let queued = 0;
  const run = () => {
    queued = 0;
    // A view that is not chosen is not drawn; when it is, its size changes, and that draws it.
    if (root.isConnected && root.getClientRects().length === 0) return;
    root.dataset.theme = model.get("theme");
    const data = unpack(model.get("data"));
    draw(data);
    if (data?.time != null) root.dataset.time = String(data.time);
    root.dataset.drawn = String(Number(root.dataset.drawn ?? 0) + 1);
  };
  const later = () => {
    queued ||= requestAnimationFrame(run);
  };
  model.on("change:data", later);
  model.on("change:theme", later);
  const sizes = new ResizeObserver(later);
  sizes.observe(root);
  run();
  const scrolling = [...root.querySelectorAll(".rt-scroll")].map(scrolls);
  return () => {
    scrolling.forEach((stop) => stop());
    cancelAnimationFrame(queued);
    sizes.disconnect();
    model.off("change:data", later);
    model.off("change:theme", later);
  };
}

/** A canvas that fills `body`, sharp on any screen; `begin()` clears it and returns {g, width, height} in CSS pixels. */
export function canvas(body) {
  const node = h("canvas", { role: "img" });
  body.append(node);
  const begin = () => {
    const box = body.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    const width = Math.max(1, Math.floor(box.width));
    const height = Math.max(1, Math.floor(box.height));
    if (node.width !== Math.round(width * ratio) || node.height !== Math.round(height * ratio)) {
      node.width = Math.round(width * ratio);
      node.height = Math.round(height * ratio);
    }
    const g = node.getContext("2d");
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, width, height);
    return { g, width, height };
  };
  return { node, begin };
}

/** The theme's colours and font size as the canvas needs them, read from the panel's own CSS. */
export function palette(root) {
  const style = getComputedStyle(root);
  const colour = (name) => style.getPropertyValue(`--rt-${name}`).trim();
  const size = parseFloat(style.fontSize);
  return { colour, size, font: (weight = 400, scale = 1) => `${weight} ${(size * scale).toFixed(1)}px ${style.fontFamily}` };
}

/** Push labels apart so that none overlaps: centres in, centres out, order kept, inside [low, high]. */
export function spread(centres, distance, low, high) {
  const order = centres.map((c, i) => [c, i]).sort((a, b) => a[0] - b[0]);
  const out = new Array(centres.length);
  let floor = low;
  for (const [c, i] of order) {
    out[i] = Math.max(c, floor);
    floor = out[i] + distance;
  }
  let ceiling = high;
  for (const [, i] of order.reverse()) {
    out[i] = Math.min(out[i], ceiling);
    ceiling = out[i] - distance;
  }
  return out;
}

/** Round numbers for an axis between low and high, about `count` of them. */
export function ticks(low, high, count) {
  const raw = (high - low) / Math.max(1, count);
  if (!(raw > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
  const out = [];
  for (let v = Math.ceil(low / step) * step; v <= high + 1e-9; v += step) out.push(Number(v.toFixed(6)));
  return out;
}
