// All that the pages do by themselves: copy an address, and take the token out of the address bar.
"use strict";
const said = document.getElementById("said");

async function copy(button) {
  const address = button.parentElement.querySelector("code");
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    // Beyond localhost browsers have no clipboard without https: then it is selected, to be copied by hand.
    const range = document.createRange();
    range.selectNodeContents(address);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    if (!document.execCommand("copy")) {
      said.textContent = "Selected; copy it with Ctrl-C";
      return;
    }
  }
  said.textContent = "Address copied";
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
}

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", () => copy(button));
}

const here = new URL(location.href);
if (here.searchParams.has("token")) {
  here.searchParams.delete("token");
  history.replaceState(null, "", here);
}
