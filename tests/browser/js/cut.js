(shortened) => [...document.querySelectorAll('.rt *')].filter((e) => {
  if (e.children.length || !e.textContent.trim() || e.closest('.rt-sr, option, svg, .rt-stint')) return false;
  const box = e.getBoundingClientRect();
  if (!box.width || !e.checkVisibility()) return false;
  const panel = e.closest('.rt').getBoundingClientRect();
  let up = e, scrolled = false, cut = false;
  for (; up && !up.matches('.rt'); up = up.parentElement) {
    const u = getComputedStyle(up);
    const clips = u.overflowX !== 'visible';
    const scrolls = (axis) => ['auto', 'scroll'].includes(axis);
    if (scrolls(u.overflowY)) { scrolled = true; break; }
    if (clips && !scrolls(u.overflowX) && up.clientWidth > 0) {
      const range = document.createRange();
      range.selectNodeContents(e);
      const text = range.getBoundingClientRect(), edge = up.getBoundingClientRect();
      cut ||= text.right > edge.right + 1.5 || text.left < edge.left - 1.5 || text.bottom > edge.bottom + 3 || text.top < edge.top - 3;
    }
  }
  const outside = !scrolled && (box.right > panel.right + 1 || box.bottom > panel.bottom + 1 || box.left < panel.left - 1);
  const excused = e.matches(shortened) && (e.closest('[title]')?.title ?? '').includes(e.textContent.trim());
  return (cut || outside) && !excused;
}).map((e) => `${e.closest('.rt').className} ${e.className}: ${e.textContent}`)
