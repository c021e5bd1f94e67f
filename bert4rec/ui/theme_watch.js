// Asks for the page anew once it has turned light or dark: what the server draws knows it only then.

export default function ({ parentElement, setTriggerValue }) {
  // It is called again for each run of the page, without having been asked to leave before.
  parentElement.leaveTheme?.();
  const app = document.querySelector("[data-testid=stApp]");
  const theme = () => getComputedStyle(app).colorScheme;
  let shown = theme();
  const watch = new MutationObserver(() => {
    if (theme() === shown) return;
    shown = theme();
    setTriggerValue("switched", shown);
  });
  watch.observe(app, { attributes: true, attributeFilter: ["class", "style"] });
  parentElement.leaveTheme = () => watch.disconnect();
  return parentElement.leaveTheme;
}
