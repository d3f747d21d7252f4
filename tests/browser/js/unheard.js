() => {
  const wrong = [], all = [...document.querySelectorAll('.rt-board *')];
  const name = (e) => (e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent || e.title || '').trim();
  for (const e of all) {
    const role = e.getAttribute('role');
    const at = `${e.tagName}.${e.getAttribute('class')}`;
    if (e.matches('button, select, input, [role=button], [role=slider], [role=tab], [role=img], canvas') && !e.closest('[hidden]') && (!e.matches('canvas') || e.getClientRects().length) && !name(e)) wrong.push(`no name: ${at}`);
    if (role === 'row' && !e.closest('[role=grid], [role=table], [role=treegrid]')) wrong.push(`row without a table: ${at}`);
    if (role === 'row' && e.getClientRects().length && [...e.children].some((c) => !['gridcell', 'cell', 'columnheader', 'rowheader'].includes(c.getAttribute('role')))) wrong.push(`row with more than cells: ${at}`);
    if (role === 'tab' && e.getAttribute('aria-selected') === 'true' && document.getElementById(e.getAttribute('aria-controls'))?.getAttribute('role') !== 'tabpanel') wrong.push(`tab without a panel: ${at}`);
    if (e.closest('[aria-hidden=true]') && e.matches('button, select, input, [tabindex="0"]')) wrong.push(`hidden but reached: ${at}`);
  }
  const ids = all.map((e) => e.id).filter(Boolean);
  if (new Set(ids).size !== ids.length) wrong.push('an id twice');
  if (document.documentElement.lang !== 'en-GB') wrong.push(`language ${document.documentElement.lang}`);
  if (document.querySelectorAll('[role=tab][tabindex="0"]').length !== 1) wrong.push('the tabs are more than one stop of the Tab key');
  return wrong;
}
