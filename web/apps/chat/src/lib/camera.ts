/** One photo by the camera. */

/** Browsers open the camera for pages of https and of this machine only. */
export const canTakePhoto = () => typeof navigator !== "undefined" && !!navigator.mediaDevices?.getUserMedia;

export const openCamera = () => navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: { ideal: 1280 }, height: { ideal: 960 } } });

export const closeCamera = (stream: MediaStream | null) => stream?.getTracks().forEach((track) => track.stop());

/** What the video shows, as it comes from the camera (not mirrored). */
export async function takePhoto(video: HTMLVideoElement): Promise<File> {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d")!.drawImage(video, 0, 0);
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/jpeg", 0.95));
  if (!blob) throw new Error("no picture");
  return new File([blob], "photo.jpg", { type: "image/jpeg" });
}
