/** Names, order and search for the voice and language pickers. */
import type { Voice } from "./api";

export interface VoiceGroup {
  lang: string;
  label: string;
  voices: Voice[];
}

export function languageName(code: string, ui: string): string {
  try {
    const name = new Intl.DisplayNames([ui], { type: "language" }).of(code);
    return name ? name[0].toUpperCase() + name.slice(1) : code;
  } catch {
    return code;
  }
}

export const baseLanguage = (code: string) => code.toLowerCase().split(/[-_]/)[0];

/** What one may call them. */
const GENDERS: Record<string, readonly string[]> = { female: ["female", "woman", "女", "女声"], male: ["male", "man", "男", "男声"] };

/** All words of the search in what the voice is known by: name, id, engine, gender, language in the page's words and as a code. */
function fits(voice: Voice, label: string, search: string): boolean {
  const text = `${voice.name} ${voice.id} ${voice.engine} ${label} ${languageName(voice.lang, "en")} ${voice.lang}`.toLowerCase();
  return search.toLowerCase().split(/\s+/).every((word) => text.includes(word) || !!GENDERS[voice.gender ?? ""]?.includes(word));
}

/** Voices of one language (all for `auto`) that fit the search, grouped by language, those of the page's language first. */
export function voiceGroups(voices: readonly Voice[], language: string, ui: string, search = ""): VoiceGroup[] {
  const groups = new Map<string, VoiceGroup>();
  for (const voice of voices) {
    if (language !== "auto" && baseLanguage(voice.lang) !== baseLanguage(language)) continue;
    const group = groups.get(voice.lang) ?? { lang: voice.lang, label: languageName(voice.lang, ui), voices: [] };
    if (!fits(voice, group.label, search)) continue;
    group.voices.push(voice);
    groups.set(voice.lang, group);
  }
  const rank = (code: string) => (code === ui ? 0 : baseLanguage(code) === baseLanguage(ui) ? 1 : ["en", "zh", "cmn"].includes(baseLanguage(code)) ? 2 : 3);
  return [...groups.values()].sort((a, b) => rank(a.lang) - rank(b.lang) || a.label.localeCompare(b.label, ui));
}

const SAMPLES: Record<string, string> = {
  en: "Hello! This is how I sound.",
  zh: "你好！这就是我的声音。",
  cmn: "你好！这就是我的声音。",
  yue: "你好！呢個就係我嘅聲音。",
  ja: "こんにちは。これが私の声です。",
  ko: "안녕하세요. 제 목소리입니다.",
  de: "Hallo! So klinge ich.",
  fr: "Bonjour ! Voici ma voix.",
  es: "¡Hola! Así sueno yo.",
  pt: "Olá! Esta é a minha voz.",
  it: "Ciao! Questa è la mia voce.",
  nl: "Hallo! Zo klink ik.",
  pl: "Cześć! Tak brzmi mój głos.",
  ru: "Здравствуйте! Вот так звучит мой голос.",
  uk: "Вітаю! Ось так звучить мій голос.",
  tr: "Merhaba! Benim sesim böyle.",
  ar: "مرحبًا! هذا هو صوتي.",
  hi: "नमस्ते! यह मेरी आवाज़ है।",
  vi: "Xin chào! Đây là giọng của tôi.",
};

/** What a voice says of itself; where we do not know its language, figures, which any voice can read. */
export const sampleOf = (lang: string) => SAMPLES[baseLanguage(lang)] ?? "1, 2, 3, 4, 5.";
