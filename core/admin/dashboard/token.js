// ADMIN_TOKEN, as long as the tab lives. The page itself has no data, so it is served without it.
const NAME = "moongate-token";

export const token = () => sessionStorage.getItem(NAME);

let asking = null;

// Asks for it, unless somebody has given another one than `refused` meanwhile. Whoever asks while the
// dialog is open waits for the same answer.
export function askForToken(refused) {
  if (token() !== refused) return Promise.resolve();
  asking ??= ask(refused).finally(() => {
    asking = null;
  });
  return asking;
}

function ask(refused) {
  const dialog = document.getElementById("token");
  const input = document.getElementById("token-value");
  if (refused) {
    sessionStorage.removeItem(NAME);
    document.getElementById("token-why").textContent = "That is not the token. Once more:";
  }
  input.value = "";
  dialog.showModal();
  dialog.oncancel = (event) => event.preventDefault(); // there is nothing behind it yet
  return new Promise((resolve) => {
    dialog.onclose = () => {
      sessionStorage.setItem(NAME, input.value.trim());
      resolve();
    };
  });
}
