/** What the server offers: persons, voices, questions it can answer. */
import { defineStore } from "pinia";
import { ref } from "vue";
import { fetchAvatars, fetchTopics, fetchVoices, type Avatar, type Voice } from "../lib/api";

export const useCatalog = defineStore("catalog", () => {
  const avatars = ref<Avatar[]>([]);
  const voices = ref<Voice[]>([]);
  const topics = ref<string[]>([]);
  const error = ref("");

  async function load(): Promise<void> {
    try {
      [avatars.value, voices.value] = await Promise.all([fetchAvatars(), fetchVoices()]);
      error.value = "";
    } catch (e) {
      error.value = (e as Error).message;
    }
  }

  async function loadTopics(lang: string): Promise<void> {
    /* Suggestions are a nicety: without them the page is whole. */
    topics.value = await fetchTopics(lang).catch(() => []);
  }

  return { avatars, voices, topics, error, load, loadTopics };
});
