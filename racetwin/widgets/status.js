import { frame, watch, h, put, attr, empty } from "./format.js";

function render({ model, el }) {
  const { root, note, body } = frame(el, model, "Race control", "status");
  const weather = h("div", { class: "s-weather" });
  const feed = h("div", { class: "s-feed rt-scroll", role: "log", "aria-label": "Race feed" });
  // The machine's own alarms have a place of their own: among the words of race control they would pass for them.
  const machine = h("div", { class: "s-machine", role: "alert", "aria-label": "Alarms of our own system", hidden: true });
  const health = h("div", { class: "s-health" });
  body.append(weather, feed, machine, health);
  let shown = "", alarmed = "";

  const reading = (label, text) => (text == null ? null : h("span", { class: "s-reading" }, h("small", {}, label), h("b", {}, text)));
  const compass = (deg) => ["N", "NE", "E", "SE", "S", "SW", "W", "NW"][Math.round(deg / 45) % 8];
  const sky = (track) => track.weather ?? (track.rainfall == null ? null : track.rainfall ? "rain" : "dry");

  const draw = (data) => {
    if (!data) return;
    const t = data.track ?? {};
    const readings = [
      reading("Sky", sky(t)),
      reading("Air", t.air_temperature_c == null ? null : `${t.air_temperature_c.toFixed(0)} °C`),
      reading("Track", t.track_temperature_c == null ? null : `${t.track_temperature_c.toFixed(0)} °C`),
      reading("Wind", t.wind_speed_ms == null ? null : `${t.wind_speed_ms.toFixed(1)} m/s` + (t.wind_direction_deg == null ? "" : ` ${compass(t.wind_direction_deg)}`)),
      reading("Rain", sky(t) != null || t.rainfall == null ? null : t.rainfall ? "yes" : "no"),
      reading("Humidity", t.humidity_pct == null ? null : `${t.humidity_pct.toFixed(0)} %`),
    ].filter(Boolean);
    weather.replaceChildren(...(readings.length ? readings : [h("span", { class: "s-none" }, "this feed carries no weather")]));

    const key = JSON.stringify([data.messages, data.driver]);
    if (key !== shown) {
      shown = key;
      const lines = data.messages.map((m) => h("div", { class: "s-line", "data-kind": m.kind, "data-ours": Boolean(data.driver && m.text.includes(data.driver)) },
        h("span", {}, m.lap == null ? "" : `L${m.lap}`), h("span", {}, m.text)));
      feed.replaceChildren(...(lines.length ? lines : [empty("nothing from race control yet")]));
    }
    const wrong = JSON.stringify(data.alarms);
    if (wrong !== alarmed) {
      alarmed = wrong;
      machine.hidden = !data.alarms.length;
      attr(machine, "data-count", data.alarms.length);
      attr(machine, "title", data.alarms.map((a) => a.text).join("\n"));
      const [worst, ...more] = data.alarms;
      machine.replaceChildren(...(worst ? [h("b", {}, "▲ Our system: "), h("span", { class: "s-alarm" }, worst.means), h("small", {}, more.length ? ` +${more.length} · System (7)` : " · System (7)")] : []));
    }
    const s = data.health;
    put(note, data.alarms.length ? `${data.alarms.length} system alarm${data.alarms.length > 1 ? "s" : ""}` : "all systems fine");
    note.dataset.kind = data.alarms.length ? "alarm" : "fine";
    // What a strategist has to trust: that news come, that the numbers are worked out, that nothing is lost. The rest is on System.
    const parts = [s.feed_age == null ? s.source : `${s.source} ${s.feed_age.toFixed(1)} s old`, `desk ${s.desk}`, s.backend, s.journal === "off" ? "no journal" : `journal ${s.journal}`];
    health.hidden = data.alarms.length > 0;
    put(health, parts.filter(Boolean).join(" · "));
  };
  return watch(model, root, draw);
}

export default { render };
