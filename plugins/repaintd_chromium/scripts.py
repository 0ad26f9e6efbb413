"""The JavaScript that the daemon itself runs in pages."""

from __future__ import annotations

from typing import Final

# Stands still: what moves by itself is put where Playwright's own screenshots put it (finite
# animations at their end, endless ones at their start), the caret is hidden, the page is at its
# top. No timers: they do not fire where a page's scripts are disabled.
_STILL: Final = """
const still = () => {
  for (const a of document.getAnimations()) {
    try {
      if (a.effect.getComputedTiming().endTime === Infinity) a.cancel(); else a.finish();
    } catch { a.cancel(); }
  }
  for (const s of document.querySelectorAll('svg')) {
    try { s.pauseAnimations(); s.setCurrentTime(0); } catch {}
  }
  for (const m of document.querySelectorAll('video,audio')) m.pause();
  const e = document.activeElement;
  if (e && e !== document.body) e.style.caretColor = 'transparent';
  if (scrollX || scrollY) scrollTo({left: 0, top: 0, behavior: 'instant'});
};
"""

# Waits for fonts, and for pictures unless they are lazy and out of sight: those never load.
SETTLE: Final = (
    "(async () => {"
    + _STILL
    + """
  still();
  await document.fonts.ready;
  const waited = [];
  for (const i of document.images) {
    if (i.loading === 'lazy' && !i.complete) {
      const r = i.getBoundingClientRect();
      if (r.top >= innerHeight || r.left >= innerWidth || r.bottom < 0 || r.right < 0) continue;
      i.loading = 'eager';
    }
    waited.push(i.decode().catch(() => 0));
  }
  if (waited.length) { await Promise.all(waited); await document.fonts.ready; }
  still();
})()"""
)

# Same data, same picture: a page with scripts gets the same numbers each time. Time is held by
# Playwright's clock. A page that closes itself would take its window along.
REPEATABLE: Final = """(() => {
  let state = 0x9E3779B9;
  const next = () => {
    state = (state + 0x6D2B79F5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
  Math.random = () => next() / 4294967296;
  Crypto.prototype.getRandomValues = function (view) {
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    for (let i = 0; i < bytes.length; i++) bytes[i] = next();
    return view;
  };
  Crypto.prototype.randomUUID = () => {
    const hex = Array.from({length: 32}, () => (next() & 15).toString(16));
    hex[12] = '4'; hex[16] = '89ab'[next() & 3];
    return hex.join('').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  };
})()"""

STAY_OPEN: Final = "window.close = () => {}"
