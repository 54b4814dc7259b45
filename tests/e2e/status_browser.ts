/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
// A real Chromium that looks at a status page, and what tests ask of it. With AUTHSTATE_SCREENSHOTS=FOLDER it leaves pictures
// there, for somebody to look at.
import assert from "node:assert/strict";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";

const CHROMIUM = "/usr/bin/chromium";
const SCREENSHOTS = process.env["AUTHSTATE_SCREENSHOTS"];
const PATIENCE_MS = 120_000;
export const PHONE = { width: 375, height: 812 };
const DESK = { width: 1440, height: 900 };
// A text of usual size has to have this contrast by WCAG 2, level AA.
const LEAST_CONTRAST = 4.5;

// Why there can be no such test here; false where there can.
export const skip = existsSync(CHROMIUM) || process.env["CI"] === "true" ? false : `there is no ${CHROMIUM}`;

// Tests run as root, too.
export const launch = (): Promise<Browser> => chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });

// What a page has asked for, and what its browser has refused it.
interface Watched {
  page: Page;
  requests: Set<string>;
  violations(): Promise<string[]>;
}

export async function open(browser: Browser, url: string, viewport = DESK): Promise<Watched> {
  const page = await browser.newPage({ viewport, ignoreHTTPSErrors: true });
  page.setDefaultTimeout(PATIENCE_MS);
  const requests = new Set<string>();
  page.on("request", (request) => requests.add(request.url()));
  // What tsx calls in functions with names, which here are sent to the browser without it.
  await page.addInitScript("globalThis.__name = (value) => value;");
  await page.addInitScript(() => {
    const seen: string[] = [];
    Object.assign(globalThis, { seen });
    document.addEventListener("securitypolicyviolation", (event) =>
      seen.push(`${event.violatedDirective}: ${event.blockedURI}`),
    );
  });
  await page.goto(url);
  return { page, requests, violations: () => page.evaluate(() => (globalThis as unknown as { seen: string[] }).seen) };
}

export const textOf = (page: Page, selector: string): Promise<string> => page.locator(selector).innerText();

// Waits until an element is shown and its text is as wanted.
export const says = (page: Page, selector: string, text: string): Promise<void> =>
  page.locator(selector).filter({ hasText: text }).waitFor({ state: "visible" });

// Texts that stand out too little from what is behind them.
function faintTexts(least: number): string[] {
  const channels = (color: string): number[] => (color.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = (color: string): number => {
    const [red = 0, green = 0, blue = 0] = channels(color).map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element: Element | null): string => {
    if (element === null) return "rgb(255, 255, 255)";
    const color = getComputedStyle(element).backgroundColor;
    return channels(color)[3] === 0 ? behind(element.parentElement) : color;
  };
  const faint: string[] = [];
  for (const element of document.querySelectorAll<HTMLElement>("body *")) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.nodeValue?.trim());
    if (!hasText || !element.checkVisibility()) continue;
    const [one, other] = [luminance(getComputedStyle(element).color), luminance(behind(element))];
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (contrast < least) faint.push(`${element.textContent}: ${contrast.toFixed(1)}`);
  }
  return faint;
}

export async function takePicture(page: Page, name: string): Promise<void> {
  if (SCREENSHOTS === undefined) return;
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
}

// The page on a phone and on a desk, in the light and in the dark; it has to be as wide as that, and no wider.
export async function fits(
  browser: Browser,
  url: string,
  ready: (page: Page) => Promise<void>,
  name: string,
): Promise<void> {
  for (const [device, size] of Object.entries({ phone: PHONE, desk: DESK })) {
    const { page } = await open(browser, url, size);
    await ready(page);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), size.width, device);
      assert.deepEqual(await page.evaluate(faintTexts, LEAST_CONTRAST), [], `${device}, ${colorScheme}`);
      await takePicture(page, `${name}-${device}-${colorScheme}`);
    }
    await page.close();
  }
}
