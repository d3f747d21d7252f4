// The race-day page's own front end. The board is made of boxes and anywidgets, and this is all they need: Jupyter's widget messages
// over one WebSocket. Voila's own front end (4 MB of script, seconds on a slow machine) is loaded only where a notebook shows more.

document.documentElement.lang = "en-GB"; // Voila's own page says "en"

const PROTOCOL = "v1.kernel.websocket.jupyter.org";
const OURS = ["BoxModel", "AnyModel", "LayoutModel"];
const AGAIN_FIRST_MS = 500, AGAIN_LAST_MS = 5000, SILENT_MS = 5000;
const GONE = ["dead", "restarting", "autorestarting"];

const config = JSON.parse(document.getElementById("jupyter-config-data").textContent);
const session = crypto.randomUUID?.() ?? String(Math.random()).slice(2); // randomUUID: only where the page is secure
const texts = { from: new TextDecoder(), to: new TextEncoder() };

/** Several byte strings as Jupyter frames them: how many there are, where each begins, then all of them. */
function framed(parts) {
  const start = 8 * (parts.length + 2);
  const bytes = new Uint8Array(start + parts.reduce((sum, part) => sum + part.length, 0));
  const head = new DataView(bytes.buffer);
  head.setBigUint64(0, BigInt(parts.length + 1), true);
  let at = start;
  parts.forEach((part, i) => {
    head.setBigUint64(8 * (i + 1), BigInt(at), true);
    bytes.set(part, at);
    at += part.length;
  });
  head.setBigUint64(8 * (parts.length + 1), BigInt(at), true);
  return bytes;
}

function unframed(data) {
  const head = new DataView(data);
  const offset = (i) => Number(head.getBigUint64(8 * (i + 1), true));
  const json = (i) => JSON.parse(texts.from.decode(new Uint8Array(data, offset(i), offset(i + 1) - offset(i))));
  const buffers = [];
  for (let i = 5; i < Number(head.getBigUint64(0, true)) - 1; i++) buffers.push(new DataView(data.slice(offset(i), offset(i + 1))));
  return { type: json(1).msg_type, content: json(4), buffers };
}

/** Put binary values back where they were taken out of a state. */
function filled(state, paths, buffers) {
  paths?.forEach((path, i) => {
    const parent = path.slice(0, -1).reduce((value, key) => value[key], state);
    parent[path.at(-1)] = buffers[i];
  });
  return state;
}

/** A widget's model as a panel's script sees it: values that come from the kernel, and messages back. */
class Model {
  constructor(kernel, id, state) {
    Object.assign(this, { kernel, id, state, heard: new Map() });
  }
  get(name) {
    return this.state[name];
  }
  on(event, act) {
    if (!this.heard.has(event)) this.heard.set(event, new Set());
    this.heard.get(event).add(act);
  }
  off(event, act) {
    this.heard.get(event)?.delete(act);
  }
  send(content) {
    this.kernel.send("comm_msg", { comm_id: this.id, data: { method: "custom", content } });
  }
  update(state) {
    const changed = Object.keys(state).filter((name) => this.state[name] !== state[name]);
    Object.assign(this.state, state);
    for (const name of changed) for (const act of this.heard.get(`change:${name}`) ?? []) act();
  }
}

/** The kernel behind this page. A connection that is lost is made again; a kernel that is gone is replaced, by loading the page anew. */
class Kernel {
  constructor() {
    this.models = new Map();
    this.early = [];
    this.waiting = [];
    this.again = AGAIN_FIRST_MS;
    this.ready = new Promise((done) => (this.known = done));
    this.connect();
    this.heardAt = performance.now(); // a kernel that is ended does not say so, and its connection stays open
    setInterval(() => performance.now() - this.heardAt > SILENT_MS && this.socket.readyState === WebSocket.OPEN && this.look(), SILENT_MS);
  }
  connect() {
    const url = new URL(`${config.baseUrl}api/kernels/${config.kernelId}/channels?session_id=${session}`, window.location.href);
    url.protocol = url.protocol.replace("http", "ws");
    this.socket = new WebSocket(url, [PROTOCOL]);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => {
      this.again = AGAIN_FIRST_MS;
      this.control = crypto.randomUUID?.() ?? String(Math.random()).slice(2);
      this.early = [];
      this.send("comm_open", { comm_id: this.control, target_name: "jupyter.widget.control", data: {} }, { version: "1.0.0" });
      this.send("comm_msg", { comm_id: this.control, data: { method: "request_states" } });
      for (const words of this.waiting.splice(0)) this.send(...words);
    };
    this.socket.onmessage = (event) => this.hear(unframed(event.data));
    this.socket.onclose = () => setTimeout(() => this.reconnect(), this.again);
  }
  /** Whether the server still has the kernel; where not, the page begins anew. Raises where no server answers. */
  async look() {
    const answer = await fetch(new URL(`${config.baseUrl}api/kernels/${config.kernelId}`, window.location.href));
    if (answer.status === 404) window.location.reload();
    return answer.status !== 404;
  }
  async reconnect() {
    this.again = Math.min(2 * this.again, AGAIN_LAST_MS);
    try {
      if (await this.look()) this.connect();
    } catch {
      setTimeout(() => this.reconnect(), this.again); // the server is away
    }
  }
  send(type, content, metadata = {}) {
    if (this.socket.readyState !== WebSocket.OPEN) return void this.waiting.push([type, content, metadata]);
    const header = { msg_id: `${session}-${Kernel.sent++}`, msg_type: type, username: "", session, date: new Date().toISOString(), version: "5.3" };
    this.socket.send(framed([texts.to.encode("shell"), ...[header, {}, metadata, content].map((part) => texts.to.encode(JSON.stringify(part)))]));
  }
  hear({ type, content, buffers }) {
    this.heardAt = performance.now();
    if (type === "status" && GONE.includes(content.execution_state)) window.location.reload();
    if (type !== "comm_msg") return;
    const { method, states, state, buffer_paths: paths, content: words } = content.data;
    if (content.comm_id === this.control && method === "update_states") this.take(filled(states, paths, buffers));
    else if (method === "update") this.change(content.comm_id, filled(state, paths, buffers));
    else if (words?.pictures) words.pictures.forEach((id, i) => this.change(id, { data: buffers[i] }));
  }
  change(id, state) {
    const model = this.models.get(id);
    if (model) model.update(state);
    else this.early.push([id, state]); // it came before the states that were asked for, and may be newer
  }
  take(states) {
    for (const [id, { model_name: kind, state }] of Object.entries(states)) {
      const known = this.models.get(id);
      if (known) known.update(state);
      else this.models.set(id, Object.assign(new Model(this, id, state), { kind }));
    }
    for (const [id, state] of this.early.splice(0)) this.models.get(id)?.update(state);
    this.known();
  }
}
Kernel.sent = 0;

const idOf = (reference) => reference.replace("IPY_MODEL_", "");

/** Whether a model and all it contains are of the kinds that this page draws itself. */
function isOurs(kernel, id) {
  const model = kernel.models.get(id);
  return OURS.includes(model?.kind) && (model.get("children") ?? []).every((child) => isOurs(kernel, idOf(child)));
}

/** The element of a model, with those of its children; `scripted` collects the panels that are still to be drawn into theirs. */
function element(kernel, id, scripted) {
  const model = kernel.models.get(id);
  const node = document.createElement("div");
  let classes = [];
  const dress = () => {
    node.classList.remove(...classes);
    node.classList.add(...(classes = model.get("_dom_classes") ?? []));
  };
  dress();
  model.on("change:_dom_classes", dress);
  const layout = kernel.models.get(idOf(model.get("layout") ?? ""));
  for (const [name, value] of Object.entries(layout?.state ?? {})) {
    if (!name.startsWith("_") && value != null) node.style.setProperty(name.replaceAll("_", "-"), value);
  }
  node.append(...(model.get("children") ?? []).map((child) => element(kernel, idOf(child), scripted)));
  if (model.kind === "AnyModel") scripted.push([model, node]);
  return node;
}

const styled = new Set();

/** Draw a panel with its own script and style. */
async function draw(model, el) {
  const css = model.get("_css"), url = URL.createObjectURL(new Blob([model.get("_esm")], { type: "text/javascript" }));
  if (css && !styled.has(css)) {
    styled.add(css);
    document.head.append(Object.assign(document.createElement("style"), { textContent: css }));
  }
  const script = (await import(url)).default;
  URL.revokeObjectURL(url);
  await script.initialize?.({ model });
  await script.render?.({ model, el });
}

/** Load Voila's own front end and let it make the page: the notebook shows what this one does not know. */
function leaveToVoila() {
  document.querySelector('script[type="module"]').remove();
  const kept = /<template class="voila-page">([^]*?)<\/template>/g;
  const page = `<!DOCTYPE html>${document.documentElement.outerHTML.replace(kept, (_, content) => content)}`;
  document.open(); // it begins when a page has been loaded, so this one is loaded again, with it
  document.write(page);
  document.close();
}

/** The proof that a request comes from this page: the server takes it where cookie and argument agree, and gives none of its own here. */
function proof() {
  const known = () => document.cookie.match(/\b_xsrf=([^;]*)/)?.[1];
  if (!known()) document.cookie = `_xsrf=${session.replace(/\W/g, "")}; path=${config.baseUrl}; SameSite=Strict`;
  return known() ?? "";
}

/** Say good-bye, so that the kernel ends with its page; one that the browser had put aside and brings back begins anew. */
function endWithPage() {
  window.addEventListener("pageshow", (event) => event.persisted && window.location.reload());
  window.addEventListener("pagehide", () => {
    const words = new FormData();
    words.append("_xsrf", proof());
    navigator.sendBeacon(`${config.baseUrl}voila/api/shutdown/${config.kernelId}`, words);
  });
}

const VIEW = "application/vnd.jupyter.widget-view+json";
const outputs = [...document.querySelectorAll('script[type="application/vnd.voila.cell-output+json"]')].map((node) => ({
  place: node.parentElement, view: JSON.parse(node.textContent).data?.[VIEW]?.model_id,
}));

if (!outputs.length || outputs.some(({ view }) => !view)) leaveToVoila();
else {
  const kernel = new Kernel();
  await kernel.ready;
  if (outputs.every(({ view }) => isOurs(kernel, view))) {
    endWithPage();
    const scripted = [];
    for (const { place, view } of outputs) place.replaceChildren(element(kernel, view, scripted));
    for (const { view } of outputs) kernel.models.get(view).send({ bundles: true }); // all panels of one instant in one message
    await Promise.all(scripted.map(([model, node]) => draw(model, node)));
    document.getElementById("loading")?.remove();
    document.getElementById("rendered_cells").style.display = "";
  } else {
    kernel.socket.onclose = null;
    kernel.socket.close();
    leaveToVoila();
  }
}
