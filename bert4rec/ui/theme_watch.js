// Asks for the page anew where it is light and was drawn for dark, or the other way round: what the
// server draws knows of a switch only then.

// What was asked for last: once is enough, should the page not come to be so.
let asked = null;

export default function ({ data, parentElement, setTriggerValue }) {
  // It is called again for each run of the page, without having been asked to leave before.
  parentElement.leaveTheme?.();
  const app = document.querySelector("[data-testid=stApp]");

  const look = () => {
    const shown = getComputedStyle(app).colorScheme;
    if (shown === data.drawn) {
      asked = null;
    } else if (shown !== asked) {
      asked = shown;
      setTriggerValue("switched", shown);
    }
  };

  const watch = new MutationObserver(look);
  watch.observe(app, { attributes: true, attributeFilter: ["class", "style"] });
  look();
  parentElement.leaveTheme = () => watch.disconnect();
  return parentElement.leaveTheme;
}
