// Circles over a plotly chart that stands in the same block of the page. They follow its axes as it
// is moved and zoomed; the chart itself is not drawn anew for them.

const SVG = "http://www.w3.org/2000/svg";
const MOVES = ["plotly_relayouting", "plotly_afterplot"];

/** Return where a value lies along an axis, in pixels of the chart; null outside of what is seen. */
function along(axis, value) {
  const [first, last] = axis.range;
  const share = (value - first) / (last - first);
  if (!(share >= 0 && share <= 1)) return null;
  return axis._offset + axis._length * (axis._id[0] === "y" ? 1 - share : share);
}

function circle({ size, width }) {
  const made = document.createElementNS(SVG, "circle");
  const looks = { r: size / 2, fill: "none", stroke: "currentColor", "stroke-width": width };
  for (const [name, value] of Object.entries(looks)) made.setAttribute(name, value);
  return made;
}

export default function ({ data, parentElement }) {
  // It is called again for other circles, without having been asked to leave before.
  parentElement.leaveRings?.();
  const block = parentElement.closest("[data-testid=stVerticalBlock]");
  const layer = document.createElementNS(SVG, "svg");
  layer.setAttribute("class", "map-rings");
  layer.setAttribute("aria-hidden", "true");
  layer.style.cssText = "position:absolute; inset:0; width:100%; height:100%; pointer-events:none";
  const circles = data.circles.map((each) => layer.appendChild(circle(each)));
  let chart = null;

  const place = () => {
    if (!chart._fullLayout) return;
    data.circles.forEach(({ x, y, axes }, at) => {
      const left = along(chart._fullLayout[`xaxis${axes}`], x);
      const top = along(chart._fullLayout[`yaxis${axes}`], y);
      const isSeen = left !== null && top !== null;
      circles[at].style.display = isSeen ? "" : "none";
      if (!isSeen) return;
      circles[at].setAttribute("cx", left);
      circles[at].setAttribute("cy", top);
    });
  };

  const letGo = () => {
    if (chart) for (const move of MOVES) chart.removeListener?.(move, place);
    layer.remove();
    chart = null;
  };

  // The chart comes later than this, and another one takes its place when its points change.
  const follow = () => {
    const found = block?.querySelector(`.st-key-${data.chart} .js-plotly-plot`) ?? null;
    if (found === chart && layer.isConnected) return;
    letGo();
    // What tells of a point under the pointer lies above the circles.
    const above = found?.querySelector(".svg-container > .main-svg:last-of-type");
    if (!above || !found.on || !found._fullLayout?.xaxis) return;
    chart = found;
    above.before(layer);
    for (const move of MOVES) chart.on(move, place);
    place();
  };

  const watch = new MutationObserver(follow);
  if (block) watch.observe(block, { childList: true, subtree: true });
  follow();
  parentElement.leaveRings = () => {
    watch.disconnect();
    letGo();
  };
  return parentElement.leaveRings;
}
