import { toast } from "./toast.js";

/** Puts text on the clipboard and says so. */
export async function copy(text, said) {
  try {
    await navigator.clipboard.writeText(text);
    toast(said, "info");
  } catch {
    toast("The browser does not let the page use the clipboard.");
  }
}
