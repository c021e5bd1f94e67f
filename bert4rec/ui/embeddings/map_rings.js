// Lays circles and names over a chart that stands in the same block of the page.

export default function ({ data, parentElement }) {
  // It is called again for other circles, without having been asked to leave before.
  parentElement.leaveRings?.();
  const block = parentElement.closest("[data-testid=stVerticalBlock]");
  const style = getComputedStyle(parentElement);
  const ground = style.getPropertyValue("--st-background-color");
  const looks = { ground, family: style.fontFamily };
  let chart = null;
  let layer = null;

  // The chart comes later than this, and another one takes its place when its points change.
  const follow = () => {
    const found = block?.querySelector(`.st-key-${data.chart} .js-plotly-plot`) ?? null;
    if (found === chart && layer?.isThere()) return;
    layer?.takeAway();
    chart = isReady(found) ? found : null;
    layer = chart && layOver(chart, data, looks);
  };

  const watch = new MutationObserver(follow);
  if (block) watch.observe(block, { childList: true, subtree: true });
  follow();
  parentElement.leaveRings = () => {
    watch.disconnect();
    layer?.takeAway();
  };
  return parentElement.leaveRings;
}
