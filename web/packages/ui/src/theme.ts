/** Ant Design's tokens; the colours are those of styles.css. */
import theme from "ant-design-vue/es/theme";
import type { ThemeConfig } from "ant-design-vue/es/config-provider/context";

export function antTheme(dark: boolean): ThemeConfig {
  return {
    algorithm: dark ? theme.darkAlgorithm : theme.defaultAlgorithm,
    token: {
      colorPrimary: dark ? "#58b4b8" : "#1f6f78",
      colorBgContainer: dark ? "#1d2226" : "#ffffff",
      colorBgElevated: dark ? "#262c31" : "#ffffff",
      colorText: dark ? "#e6e9ea" : "#1d2528",
      colorBgLayout: dark ? "#23292e" : "#ecedea",
      colorBorder: dark ? "#3a4248" : "#d5d9d8",
      borderRadius: 10,
      controlHeight: 38,
      fontFamily: "inherit",
    },
    components: {
      Slider: dark
        ? { colorPrimaryBorder: "#58b4b8", colorPrimaryBorderHover: "#7ccbce", colorFillTertiary: "#2c3338", colorFillSecondary: "#353d43" }
        : { colorPrimaryBorder: "#1f6f78", colorPrimaryBorderHover: "#2a8a94", colorFillTertiary: "#e3e6e4", colorFillSecondary: "#d8dcda" },
    },
  };
}
