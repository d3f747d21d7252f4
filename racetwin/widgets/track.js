import { frame, watch, canvas, palette, unpack, put, attr } from "./format.js";

const CAUTION = { YELLOW: "Yellow", SC: "Safety car", VSC: "VSC", VSC_ENDING: "VSC ending", RED: "Red flag" };

function ring(points = 240) {
  // A lap as a rounded rectangle: what the road looks like to someone who only needs to know who is near whom.
  const out = [];
  for (let i = 0; i < points; i++) {
    const t = (2 * Math.PI * i) / points;
    const [c, s] = [Math.cos(t), Math.sin(t)];
    out.push(1.6 * Math.sign(s) * Math.abs(s) ** 0.55, Math.sign(c) * Math.abs(c) ** 0.55);
  }
  return out;
}

function render({ model, el }) {
  const { root, note, body } = frame(el, model, "Track", "track");
  const surface = canvas(body);
  let line = [];
  let data = null;
  let before = new Map(); // where each car was drawn last, in laps
  let began = 0, lasts = 100, arrived = 0;
  let running = 0;
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");

  const outline = () => {
    const shape = unpack(model.get("outline"));
    line = shape ? [...shape.line.values] : ring();
  };

  const place = (laps, now) => {
    // Between two updates every car moves evenly from where it was drawn to where it is.
    const share = Math.min(1, (now - began) / lasts);
    const f = laps.from + (laps.to - laps.from) * share;
    return ((f % 1) + 1) % 1;
  };

  const paint = (now) => {
    running = 0;
    if (!data) return;
    const { g, width, height } = surface.begin();
    const { colour, size, font } = palette(root);
    const n = line.length / 2;
    let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let i = 0; i < n; i++) {
      x0 = Math.min(x0, line[2 * i]); x1 = Math.max(x1, line[2 * i]);
      y0 = Math.min(y0, line[2 * i + 1]); y1 = Math.max(y1, line[2 * i + 1]);
    }
    const margin = 2.1 * size;
    const scale = Math.min((width - 2 * margin) / (x1 - x0), (height - 2 * margin) / (y1 - y0));
    const X = (x) => width / 2 + (x - (x0 + x1) / 2) * scale;
    const Y = (y) => height / 2 - (y - (y0 + y1) / 2) * scale;
    const point = (f) => {
      const at = f * n, i = Math.floor(at) % n, j = (i + 1) % n, u = at - Math.floor(at);
      const [ax, ay, bx, by] = [X(line[2 * i]), Y(line[2 * i + 1]), X(line[2 * j]), Y(line[2 * j + 1])];
      const length = Math.hypot(bx - ax, by - ay) || 1;
      return { x: ax + (bx - ax) * u, y: ay + (by - ay) * u, nx: (by - ay) / length, ny: -(bx - ax) / length };
    };

    const caution = CAUTION[data.status];
    g.lineJoin = "round";
    g.beginPath();
    for (let i = 0; i <= n; i++) g.lineTo(X(line[2 * (i % n)]), Y(line[2 * (i % n) + 1]));
    g.closePath();
    g.strokeStyle = colour(data.status === "RED" ? "alarm" : caution ? "ahead" : "faint");
    g.lineWidth = 0.3 * size; g.stroke();
    g.globalAlpha = 1;

    // Sectors under yellow: a thick stretch with the sector's number; hatched where it is a double.
    g.lineCap = "butt";
    for (const [sector, kind] of data.yellow) {
      const [a, b] = [(sector - 1) / data.sectors, sector / data.sectors];
      g.beginPath();
      for (let f = a; f <= b + 1e-9; f += (b - a) / 12) { const p = point(f % 1); g.lineTo(p.x, p.y); }
      g.strokeStyle = colour("medium-tyre"); g.lineWidth = 0.72 * size; g.setLineDash(kind === 2 ? [0.5 * size, 0.3 * size] : []); g.stroke(); g.setLineDash([]);
    }

    // The pit lane runs beside the line, on the inside of the lap; not to scale.
    const middle = { x: X((x0 + x1) / 2), y: Y((y0 + y1) / 2) };
    const line0 = point(0), inside = Math.sign((middle.x - line0.x) * line0.nx + (middle.y - line0.y) * line0.ny) || 1;
    const PIT = 0.05; // share of a lap, each side of the line
    const pitPoint = (f) => {
      const off = ((f + 0.5) % 1) - 0.5, p = point(f), depth = inside * 1.15 * size * Math.min(1, (PIT - Math.min(Math.abs(off), PIT)) / (0.35 * PIT));
      return { ...p, x: p.x + p.nx * depth, y: p.y + p.ny * depth };
    };
    g.beginPath();
    for (let k = 0; k <= 40; k++) { const p = pitPoint((1 - PIT + (2 * PIT * k) / 40) % 1); g.lineTo(p.x, p.y); }
    g.strokeStyle = colour("faint"); g.lineWidth = 0.14 * size; g.stroke();
    const start = point(0);
    g.strokeStyle = colour("text"); g.lineWidth = 0.16 * size;
    g.beginPath(); g.moveTo(start.x - start.nx * 0.55 * size, start.y - start.ny * 0.55 * size); g.lineTo(start.x + start.nx * 0.55 * size, start.y + start.ny * 0.55 * size); g.stroke();

    const look = (car) => {
      if (car.id === data.car) return { rank: 3, colour: colour("ours"), r: 0.52 };
      if (car.role) return { rank: 2, colour: colour(car.role), r: 0.44 };
      return { rank: car.position === 1 ? 1 : 0, colour: colour("soft"), r: 0.34 };
    };
    const where = (car) => {
      const f = place(before.get(car.id), now);
      if (!car.pit) return point(f);
      const off = ((f + 0.5) % 1) - 0.5;
      return pitPoint((Math.min(Math.max(off, -0.6 * PIT), 0.6 * PIT) + 1) % 1);
    };
    const cars = data.cars.map((car) => ({ ...car, ...look(car), ...where(car) })).sort((a, b) => a.rank - b.rank || (b.position ?? 99) - (a.position ?? 99));
    const labels = [];
    // What has been drawn where, in pixels: for tests and for whoever reads the map by script.
    const drawn = { cars: {}, ghost: null, sc: null, pit: null, yellow: data.yellow.map(([sector]) => sector), line: [] };
    for (let f = 0; f < 1; f += 0.02) { const p = point(f); drawn.line.push([p.x, p.y]); }
    const blocks = []; // dots that no name may cover
    const block = (p, r) => blocks.push({ l: p.x - r, r: p.x + r, t: p.y - r, b: p.y + r });
    const ours = before.get(data.car);
    if (data.ghost != null && ours) {
      const p = point(place({ from: ours.from - data.ghost, to: ours.to - data.ghost }, now));
      g.beginPath(); g.arc(p.x, p.y, 0.62 * size, 0, 7);
      g.setLineDash([0.25 * size, 0.2 * size]); g.strokeStyle = colour("ours"); g.lineWidth = 0.16 * size; g.stroke(); g.setLineDash([]);
      labels.push({ ...p, name: "if we box", colour: colour("ours"), weight: 400, rank: 2.5 });
      block(p, 0.7 * size);
      drawn.ghost = [p.x, p.y];
    }
    for (const car of cars) {
      g.beginPath(); g.arc(car.x, car.y, car.r * size, 0, 7);
      g.fillStyle = car.pit ? colour("panel") : car.colour; g.fill();
      g.strokeStyle = car.pit ? car.colour : colour("panel"); g.lineWidth = 0.12 * size; g.stroke();
      labels.push({ ...car, weight: car.rank >= 2 ? 700 : 400 });
      block(car, (car.r + 0.06) * size);
      drawn.cars[car.id] = [car.x, car.y];
    }
    if (data.status === "SC") {
      const leader = data.cars.find((c) => c.position === 1);
      const from = leader && before.get(leader.id);
      if (from) {
        const p = point((place(from, now) + 0.018) % 1);
        g.fillStyle = colour("ahead"); g.beginPath(); g.roundRect(p.x - 0.8 * size, p.y - 0.55 * size, 1.6 * size, 1.1 * size, 0.25 * size); g.fill();
        g.fillStyle = "#1c1200"; g.font = font(800, 0.78); g.textAlign = "center"; g.textBaseline = "middle"; g.fillText("SC", p.x, p.y);
        block(p, 0.7 * size);
        drawn.sc = [p.x, p.y];
      }
    }
    for (const [sector] of data.yellow) {
      const p = point((sector - 0.5) / data.sectors);
      labels.push({ ...p, name: `about S${sector}`, colour: colour("ahead"), weight: 700, rank: 2.2 });
    }
    const box = pitPoint(0);
    labels.push({ ...box, nx: box.nx * inside, ny: box.ny * inside, name: "pit", colour: colour("faint"), weight: 400, rank: 0.5, oneSided: true });
    drawn.pit = [box.x, box.y];
    // Names beside the road, most important first, near their dot or a little further out; one that would cover another, or a
    // dot, is left out unless it is ours or a neighbour's.
    const taken = [];
    const apart = (b, others) => !others.some((o) => b.l < o.r + 2 && b.r > o.l - 2 && b.t < o.b && b.b > o.t);
    for (const l of labels.sort((a, b) => b.rank - a.rank || (a.position ?? 99) - (b.position ?? 99))) {
      g.font = font(l.weight, 0.8);
      const w = g.measureText(l.name).width, hgt = 0.9 * size;
      const places = [1, 1.7].flatMap((far) => (l.oneSided ? [0] : [0, Math.PI, 0.8, -0.8, Math.PI + 0.8, Math.PI - 0.8]).map((turn) => {
        const [c, s] = [Math.cos(turn), Math.sin(turn)], [ux, uy] = [l.nx * c - l.ny * s, l.nx * s + l.ny * c];
        const cx = l.x + ux * (0.75 * size * far + w / 2), cy = l.y + uy * (0.7 * size * far + hgt / 2);
        return { l: cx - w / 2, r: cx + w / 2, t: cy - hgt / 2, b: cy + hgt / 2, cx, cy };
      })).filter((b) => b.l > 0 && b.r < width && b.t > 0 && b.b < height && apart(b, taken));
      const choice = places.find((b) => apart(b, blocks)) ?? (l.rank >= 2 ? places[0] : null);
      if (!choice) continue;
      taken.push(choice);
      g.fillStyle = l.rank >= 1 ? l.colour : colour("faint");
      g.textAlign = "center"; g.textBaseline = "middle";
      g.fillText(l.name, choice.cx, choice.cy);
    }
    surface.node.drawn = drawn;
    // Motion between two updates: some thirty pictures a second, none where it cannot be seen.
    if (now - began < lasts && body.offsetParent && !document.hidden && !still.matches) running ||= setTimeout(() => requestAnimationFrame(paint), 30);
  };

  const draw = (next) => {
    const now = performance.now();
    if (!next) return;
    if (next.at && next !== data) {
      const fresh = !data || next.cars.some((c, i) => Math.abs((data.to?.get(c.id) ?? 1e9) - next.at.values[i]) > 1e-5);
      if (fresh) {
        const share = Math.min(1, (now - began) / lasts);
        const to = new Map(next.cars.map((c, i) => [c.id, next.at.values[i]]));
        const was = before;
        before = new Map([...to].map(([id, f]) => {
          const old = was.get(id);
          const from = old ? old.from + (old.to - old.from) * share : f;
          return [id, { from: Math.abs(f - from) < 0.35 ? from : f, to: f }];
        }));
        next.to = to;
        lasts = Math.min(1000, Math.max(60, arrived ? now - arrived : 100));
        began = arrived = now;
      } else {
        next.to = data.to;
      }
      data = next;
    }
    const flags = next.yellow.length ? `yellow in ${next.yellow.map(([s]) => `S${s}`).join(", ")} (drawn about there)` : null;
    put(note, [next.circuit, CAUTION[next.status], flags].filter(Boolean).join(" · "));
    attr(surface.node, "aria-label", `${next.cars.length} cars on the track` + (CAUTION[next.status] ? `, ${CAUTION[next.status].toLowerCase()}` : "") + (flags ? `, ${flags}` : "") + (next.ghost != null ? "; the dashed ring is where we would be had we boxed" : ""));
    if (!running) paint(now);
  };
  outline();
  const again = () => { outline(); paint(performance.now()); };
  model.on("change:outline", again);
  const stop = watch(model, root, draw);
  return () => { clearTimeout(running); model.off("change:outline", again); stop(); };
}

export default { render };
