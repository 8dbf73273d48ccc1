// What the shopper agreed to, from whoever asked: the page itself, Google's Consent Mode v2, Shopify's Customer Privacy
// API, Global Privacy Control. Until somebody says yes the answer is no.

/** `profile`: keep and use a profile on this device. `send`: tell the shop's server what was shown and what came of it. */
export interface Agreed {
  profile: boolean;
  send: boolean;
}

/** Who said it; the page's own word counts before all others. */
export type Source = "page" | "shopify" | "consent_mode" | "gpc" | "none";

type Said = Partial<Agreed>;
interface ShopifyPrivacy {
  preferencesProcessingAllowed?(): boolean;
  analyticsProcessingAllowed?(): boolean;
}
type Surroundings = {
  dataLayer?: unknown[];
  Shopify?: { customerPrivacy?: ShopifyPrivacy; loadFeatures?(features: object[], done: (error?: unknown) => void): void };
};

const NO: Agreed = { profile: false, send: false };

export class Consent {
  private page: Said | null = null;
  private shopify: Said | null = null;
  private mode: Said | null = null;
  private told = "";
  /** To what the shopper was asked, and said no: what is kept must go. A default is nobody's word yet. */
  private readonly refused: Agreed = { profile: false, send: false };
  private readonly ends: (() => void)[] = [];

  /** `changed` hears every new answer, the first one included, and what a shopper who was asked said no to. */
  constructor(private readonly changed: (agreed: Agreed, refused: Agreed) => void) {
    const around = globalThis as Surroundings;
    this.listenToLayer((around.dataLayer ??= []));
    const collected = ({ detail }: Event & { detail?: { preferencesAllowed?: boolean; analyticsAllowed?: boolean } }) => {
      this.shopify = { profile: detail?.preferencesAllowed === true, send: detail?.analyticsAllowed === true };
      this.asked(this.shopify);
      this.tell();
    };
    document.addEventListener("visitorConsentCollected", collected);
    this.ends.push(() => document.removeEventListener("visitorConsentCollected", collected));
    const { Shopify } = around;
    const read = () => {
      const { customerPrivacy } = Shopify ?? {};
      if (!customerPrivacy) return;
      this.shopify = {
        profile: customerPrivacy.preferencesProcessingAllowed?.() === true,
        send: customerPrivacy.analyticsProcessingAllowed?.() === true,
      };
    };
    read();
    // A theme need not have asked for it; what was agreed on an earlier page is told by nothing else.
    if (!this.shopify) {
      Shopify?.loadFeatures?.([{ name: "consent-tracking-api", version: "0.1" }], (error) => {
        if (error || this.shopify) return;
        read();
        this.tell();
      });
    }
  }

  /** The page's own word. What it leaves out stays as it was. */
  say(said: Said): void {
    this.page = { ...this.page, ...said };
    this.asked(said);
    this.tell();
  }

  get source(): Source {
    if (this.page) return "page";
    if ((navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl) return "gpc";
    if (this.shopify) return "shopify";
    return this.mode ? "consent_mode" : "none";
  }

  get agreed(): Agreed {
    const said = { page: this.page, gpc: NO, shopify: this.shopify, consent_mode: this.mode, none: NO }[this.source];
    return { profile: said?.profile === true, send: said?.send === true };
  }

  /** Tells what is agreed now, when that is news. */
  tell(): void {
    const { agreed, source, refused } = this;
    const news = JSON.stringify([agreed, source, refused]);
    if (news === this.told) return;
    this.told = news;
    this.changed(agreed, { profile: refused.profile && !agreed.profile, send: refused.send && !agreed.send });
  }

  private asked({ profile, send }: Said): void {
    if (profile !== undefined) this.refused.profile = !profile;
    if (send !== undefined) this.refused.send = !send;
  }

  close(): void {
    for (const end of this.ends) end();
  }

  /** Consent Mode is told by `gtag("consent", "default" | "update", {…})`, which lands in the data layer. */
  private listenToLayer(layer: unknown[]): void {
    const hear = (entry: unknown) => {
      const [command, kind, said] = Array.from((entry as ArrayLike<unknown>) ?? []) as [unknown, unknown, Record<string, unknown>?];
      if (command !== "consent" || (kind !== "default" && kind !== "update") || typeof said !== "object") return;
      const { personalization_storage: profile, analytics_storage: send } = said ?? {};
      const granted = { ...(profile ? { profile: profile === "granted" } : {}), ...(send ? { send: send === "granted" } : {}) } as Said;
      this.mode = { ...this.mode, ...granted };
      if (kind === "update") this.asked(granted);
    };
    for (const entry of layer) hear(entry);
    const { push } = layer;
    const listening = (...entries: unknown[]) => {
      const length = push.apply(layer, entries);
      entries.forEach(hear);
      this.tell();
      return length;
    };
    layer.push = listening;
    this.ends.push(() => {
      if (layer.push === listening) layer.push = push;
    });
  }
}
