"""David: a man of about thirty-five, short brown hair, open light blue shirt, grey jacket."""
import random

import clothes
import face
from pen import Svg, comb, d, mirror, mix, sample, strands

CX = 512


class David:
    id = "david"
    name_en, name_zh, gender = "David", "大卫", "male"
    detail_en, detail_zh = "Man in his thirties, short brown hair, grey jacket", "三十多岁的男性，棕色短发，灰色外套"
    frame = (32, 44, 960)
    backdrop = ("#f0efec", "#d8d6d1", "#a9a6a1")
    skin, light, shade, deep, dark, blush = "#ecbf9f", "#fbe3d0", "#d29c7b", "#a0664a", "#5a2c1e", "#d98468"
    blush_force, hollow, bags, fold = 0.24, 0.36, 0.17, 0.24
    chin, eye_y, nose_y, nose_w = 706, 423, 545, 40
    neck_width, raised = 108, 14
    ear = (184, 380, 530)
    face = [(CX, 140), (CX + 92, 156), (CX + 154, 212), (CX + 184, 300), (CX + 189, 392), (CX + 187, 460), (CX + 181, 524), (CX + 166, 588),
            (CX + 136, 644), (CX + 90, 688), (CX + 46, 704), (CX, 707)]
    eye_open = [(46, 431), (54, 421.5), (66, 412.5), (83, 407), (102, 407), (120, 412.5), (136, 423)]
    eye_low = [(46, 431), (57, 434.5), (75, 438), (95, 438.5), (113, 435.5), (126, 430), (136, 423)]
    eye_closed = [(46, 431), (57, 435), (75, 439.5), (95, 440.5), (113, 438), (126, 432.5), (136, 424)]
    eye_crease = [(44, 427), (51, 415), (64, 404), (83, 398), (103, 398), (123, 404), (142, 418)]
    iris = (91, 421, 18.6)
    iris_colours = ("#a9bfc6", "#5d7d8c", "#22323c")
    sclera = ("#f0e8e3", "#dfcfc6", "#ab9084")
    lash = {"line": 2.8, "wing": 0, "count": 18, "length": 6, "lower": 3, "lower_count": 7}
    lash_colour = "#2a1a13"
    lid_tint, lid_force, crease_force = "#b57b62", 0.35, 0.55
    brow = [(38, 386), (64, 378), (94, 371), (122, 370), (146, 378), (162, 389)]
    brow_w, brow_hairs, brow_colour, brow_body = 18, 260, "#3b281d", 0.72
    lip_top = [(445, 599.5), (468, 596), (486, 592), (501, 589), (512, 591.5), (523, 589), (538, 592), (556, 596), (579, 599.5)]
    lip_line = [(445, 599.5), (468, 603), (488, 604), (502, 604.5), (512, 606), (522, 604.5), (536, 604), (556, 603), (579, 599.5)]
    lip_low = [(445, 599.5), (463, 611), (482, 620), (499, 624), (512, 624.6), (525, 624), (542, 620), (561, 611), (579, 599.5)]
    lip = {"upper": "#b4766a", "lower": "#c68b7c", "light": "#e2b2a0", "gloss": "#f0cfc0", "dark": "#824a40", "inside": "#672b29", "deep": "#240b0b",
           "seam": "#55261f"}
    mouth_open = 54
    head_rig = {"center": (512.0, 420.0), "radius": (262.0, 330.0), "face": (512.0, 470.0), "face_radius": (192.0, 236.0),
                "pivot": (512.0, 810.0), "chin": 706, "neck": 862, "chest": 970, "liveliness": 1}
    base = ["background", "hair_back", "neck", "shirt", "jacket_left", "jacket_right", "head", "hair_front"]
    hair = {"dark": "#23160f", "mid": "#432c1e", "light": "#6f4d35", "shine": "#b08660"}
    coat = [(398, 800), (360, 826), (310, 850), (236, 876), (140, 910), (60, 960), (10, 1040), (-20, 1200), (466, 1200), (470, 1100), (440, 1000),
            (400, 930), (384, 860)]
    lapel = [(396, 801), (372, 822), (350, 850), (326, 910), (288, 966), (338, 988), (324, 1016), (384, 1100), (450, 1200), (474, 1110), (440, 1000),
             (400, 936), (382, 868), (386, 830)]
    flap = [(390, 790), (378, 820), (374, 872), (400, 940), (432, 990), (462, 966), (508, 972), (462, 926), (426, 872), (404, 820)]
    shirt = ("#eef4fb", "#cfdeee", "#a5bad2", "#7d94b0")
    jacket = ("#7a7f88", "#50555e", "#2e3238")

    def extra_skin(self, s):
        """Shadow below the hairline; the shade of a shaven beard, with stubble."""
        rng = random.Random(11)
        y, low = self.nose_y, self.lip_low[4][1]
        beard = [(334, 500), (352, 560), (386, 610), (430, 600), (444, 580), (480, y + 26), (512, y + 32), (544, y + 26), (580, 580), (594, 600), (638, 610),
                 (672, 560), (690, 500), (700, 560), (670, 640), (600, 710), (512, 730), (424, 710), (354, 640), (324, 560)]
        o = [s.soft([(300, 120), (724, 120), (724, 430), (694, 430), (684, 330), (664, 284), (610, 252), (540, 244), (470, 250), (400, 268), (362, 300),
                     (344, 350), (336, 430), (300, 430)], self.deep, 0.5, 9),
             s.soft(beard, "#7a5240", 0.22, 16),
             s.soft([(448, 588), (478, y + 24), (512, y + 28), (546, y + 24), (576, 588), (530, 584), (494, 584)], "#7a5240", 0.16, 8),
             s.soft([(484, low + 14), (540, low + 14), (556, 690), (512, 706), (468, 690)], "#7a5240", 0.12, 9)]
        dots = []
        while len(dots) < 900:
            x, py = 512 + (rng.random() - 0.5) * 372, 560 + rng.random() * 150
            side = abs(x - 512)
            inside_lips = side < 72 and 592 - 0.1 * side < py < 624
            cheek = py < 560 + 0.35 * (150 - side) and side < 150 and not (py > y + 18 and side < 64)
            if inside_lips or cheek or (side < 14 and py < 590):
                continue
            dots.append(f"M{x:.0f} {py:.0f}l{(x - 512) / 190:.1f} {1.2 + rng.random():.1f}")
        o.append(f'<path d="{"".join(dots)}" stroke="#3c2a22" stroke-width="0.9" stroke-opacity="0.22" fill="none"/>')
        return o

    def hair_back(self, s, rng):
        h = self.hair
        back = [(326, 470), (316, 400), (310, 320), (320, 240), (352, 180), (410, 132), (480, 106), (556, 102), (628, 120), (684, 166), (708, 236), (716, 320),
                (708, 400), (698, 470), (640, 520), (384, 520)]
        s.layer("hair_back", f'<path d="{d(back)}" fill="{h["dark"]}"/>')

    def hair_front(self, s, rng):
        h = self.hair
        outline = [(338, 438), (322, 436), (317, 400), (312, 350), (310, 290), (322, 226), (346, 180), (398, 134), (462, 102), (540, 90), (616, 102), (676, 140), (708, 206),
                   (716, 280), (712, 350), (707, 400), (702, 436), (686, 438), (684, 400), (682, 352), (676, 308), (656, 268), (630, 246), (590, 240), (540, 236), (484, 238),
                   (430, 246), (388, 258), (366, 286), (356, 322), (348, 366), (344, 404)]
        g = s.linear(0, 90, 0, 440, [(0, h["mid"], 1), (0.35, mix(h["mid"], h["dark"], 0.15), 1), (0.45, mix(h["mid"], h["light"], 0.12), 1), (0.62, h["dark"], 1), (0.86, h["dark"], 0.8), (1, h["dark"], 0)])
        clip = s.clip(d(outline))
        out = [s.soft(outline, h["dark"], 0.5, 5), f'<path d="{d(outline)}" fill="{g}"/>', f"<g {clip}>"]
        top = [[(352, 306), (328, 256), (330, 206), (354, 170)], [(372, 276), (346, 222), (364, 168), (412, 126)], [(404, 254), (384, 192), (412, 138), (472, 98)],
               [(450, 240), (446, 172), (484, 118), (544, 88)], [(504, 236), (516, 160), (560, 112), (618, 100)], [(560, 236), (592, 168), (634, 128), (680, 142)],
               [(612, 244), (654, 190), (688, 172), (708, 206)], [(650, 266), (690, 230), (710, 232), (717, 270)], [(678, 320), (704, 296), (716, 300), (716, 340)]]
        shine = s.linear(0, 90, 0, 300, [(0, h["shine"], 0.1), (0.28, h["shine"], 0.9), (0.6, h["shine"], 0.25), (1, h["shine"], 0)])
        light = s.linear(0, 90, 0, 320, [(0, h["light"], 0.5), (0.4, h["light"], 1), (1, h["light"], 0.25)])
        out.append(comb(rng, top, 70, [h["dark"]], (5, 13), (0.3, 0.65), 6))
        out.append(comb(rng, top, 150, [light, light, h["mid"]], (2, 6), (0.35, 0.75), 7))
        out.append(comb(rng, top, 80, [shine], (2, 6), (0.3, 0.7), 7, spread=(0.06, 0.72)))
        out.append(comb(rng, top, 60, [h["dark"]], (1.5, 4), (0.4, 0.8), 8))
        out.append("</g>")
        # the short sides: many small hairs that thin out downwards
        for side in (-1, 1):
            def m(pts):
                return pts if side < 0 else mirror(pts, 513)
            fade = s.linear(0, 280, 0, 450, [(0, h["light"], 0.8), (0.6, h["mid"], 0.8), (1, h["mid"], 0.2)])
            dark = s.linear(0, 280, 0, 456, [(0, h["dark"], 0.9), (0.7, h["dark"], 0.7), (1, h["dark"], 0.1)])
            guides = [m([(330, 236), (311, 300), (314, 370), (322, 446)]), m([(340, 270), (328, 330), (328, 390), (331, 446)]),
                      m([(360, 296), (352, 340), (346, 390), (342, 442)])]
            for n in range(5):
                t0 = n * 0.17
                out.append(comb(rng, guides, 26, [fade, dark, dark], (1, 2.6), (0.35, 0.8), 3, ends=(t0, min(1, t0 + 0.42)), points=4))
        # along the hairline: roots that stand in the skin and leave gaps
        roots = [[(g[0][0] * 1.0, g[0][1] + 9), (g[0][0] * 0.7 + g[1][0] * 0.3, g[0][1] * 0.7 + g[1][1] * 0.3 + 4), g[1]] for g in top]
        out.append(comb(rng, roots, 130, [mix(h["dark"], h["mid"], 0.4), h["mid"]], (1, 2.4), (0.35, 0.75), 5, points=4))
        short = [[(g[0][0] + (512 - g[0][0]) * 0.02, g[0][1] + 13), (g[0][0] * 0.9 + g[1][0] * 0.1, g[0][1] * 0.9 + g[1][1] * 0.1 + 5),
                  (g[0][0] * 0.72 + g[1][0] * 0.28, g[0][1] * 0.72 + g[1][1] * 0.28)] for g in top]
        out.append(comb(rng, short, 150, [h["mid"], mix(h["mid"], self.deep, 0.4)], (0.9, 1.8), (0.25, 0.6), 7, points=4))
        out.append(comb(rng, top, 60, [mix(h["light"], h["mid"], 0.4)], (2, 4.5), (0.25, 0.5), 6, ends=(0.0, 0.42)))
        tips = [[g[2], (g[3][0] * 1.0, g[3][1] + 2), (g[3][0] + (g[3][0] - g[2][0]) * 0.25, g[3][1] + (g[3][1] - g[2][1]) * 0.22)] for g in top[1:-1]]
        out.append(comb(rng, tips, 60, [h["mid"], h["dark"]], (1, 3), (0.4, 0.8), 5, points=4))
        s.layer("hair_front", *out)

    def body(self, s, rng):
        clothes.layers(s, self)

    def draw(self):
        s, rng = Svg(), random.Random(5)
        face.background(s, self)
        self.hair_back(s, rng)
        self.body(s, rng)
        s.layer("head", face.ears(s, self), face.head(s, self), face.brows(s, self, rng))
        self.hair_front(s, rng)
        for part in (face.eyeball, face.iris, face.shine, face.lids, face.lashes, face.lips, face.inside):
            part(s, self)
        return s.text(self.name_en), face.rig(self)
