/** A small typed event emitter. `on` gives back the function that ends the subscription. */
export type Listener<T> = (event: T) => void;

export class Emitter<Events> {
  private listeners = new Map<keyof Events, Set<Listener<never>>>();

  on<K extends keyof Events>(name: K, listener: Listener<Events[K]>): () => void {
    let set = this.listeners.get(name);
    if (!set) this.listeners.set(name, (set = new Set()));
    set.add(listener as Listener<never>);
    return () => set.delete(listener as Listener<never>);
  }

  protected emit<K extends keyof Events>(name: K, event: Events[K]): void {
    for (const listener of [...(this.listeners.get(name) ?? [])]) (listener as Listener<Events[K]>)(event);
  }

  protected removeAll(): void {
    this.listeners.clear();
  }
}
