() => [...document.querySelectorAll('.rt')].flatMap((panel) => {
  // Where a text is seen: within everything around it that scrolls or clips.
  const seen = (e) => {
    const range = document.createRange();
    range.selectNodeContents(e);
    let { left, right, top, bottom } = range.getBoundingClientRect();
    const whole = bottom - top;
    for (let up = e.parentElement; up && up !== panel.parentElement; up = up.parentElement) {
      if (getComputedStyle(up).overflowY === 'visible') continue;
      const edge = up.getBoundingClientRect();
      [left, right, top, bottom] = [Math.max(left, edge.left), Math.min(right, edge.right), Math.max(top, edge.top), Math.min(bottom, edge.bottom)];
    }
    return bottom - top > 0.5 * whole && right > left ? { left, right, top, bottom, height: bottom - top } : null;
  };
  const texts = [...panel.querySelectorAll('*')]
    .filter((e) => !e.children.length && e.textContent.trim() && !e.closest('.rt-sr, option, select, svg, .rt-stint, .a-evidence') && e.checkVisibility())
    .map((e) => [e, seen(e)])
    .filter(([, box]) => box);
  const over = (p, q) => Math.min(p.right, q.right) - Math.max(p.left, q.left) > 2
    && Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top) > 0.45 * Math.min(p.height, q.height);
  return texts.flatMap(([a, p], i) => texts.slice(i + 1).filter(([, q]) => over(p, q)).map(([b]) => `${panel.className}: "${a.textContent}" on "${b.textContent}"`));
})
