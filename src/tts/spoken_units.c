/* Normaliser: units and currencies, and how they are said. See spoken_private.h. */
#include "tts/spoken_private.h"

#include <string.h>

#define ROW(sign, one, zh)                                                                                   \
    {                                                                                                        \
        sign, one, one "s", "", zh                                                                           \
    }
#define SAME(sign, one, zh)                                                                                  \
    {                                                                                                        \
        sign, one, one, "", zh                                                                               \
    }
#define PER(sign, one, many, before, after)                                                                  \
    {                                                                                                        \
        sign, one, many, before, after                                                                       \
    }

static const struct spoken_unit units[] = {
    PER("%", "percent", "percent", "百分之", ""),
    PER("‰", "per thousand", "per thousand", "千分之", ""),
    ROW("¢", "cent", "美分"),
    PER("°C", "degree Celsius", "degrees Celsius", "", "摄氏度"),
    PER("℃", "degree Celsius", "degrees Celsius", "", "摄氏度"),
    PER("°F", "degree Fahrenheit", "degrees Fahrenheit", "", "华氏度"),
    PER("℉", "degree Fahrenheit", "degrees Fahrenheit", "", "华氏度"),
    PER("°", "degree", "degrees", "", "度"),
    PER("km/h", "kilometer per hour", "kilometers per hour", "每小时", "公里"),
    PER("kmh", "kilometer per hour", "kilometers per hour", "每小时", "公里"),
    PER("kph", "kilometer per hour", "kilometers per hour", "每小时", "公里"),
    PER("mph", "mile per hour", "miles per hour", "每小时", "英里"),
    PER("km/s", "kilometer per second", "kilometers per second", "每秒", "公里"),
    PER("m/s²", "meter per second squared", "meters per second squared", "", "米每二次方秒"),
    PER("m/s", "meter per second", "meters per second", "每秒", "米"),
    PER("km²", "square kilometer", "square kilometers", "", "平方公里"),
    PER("km2", "square kilometer", "square kilometers", "", "平方公里"),
    PER("cm²", "square centimeter", "square centimeters", "", "平方厘米"),
    PER("cm2", "square centimeter", "square centimeters", "", "平方厘米"),
    PER("mm²", "square millimeter", "square millimeters", "", "平方毫米"),
    PER("m²", "square meter", "square meters", "", "平方米"),
    PER("m2", "square meter", "square meters", "", "平方米"),
    PER("㎡", "square meter", "square meters", "", "平方米"),
    PER("cm³", "cubic centimeter", "cubic centimeters", "", "立方厘米"),
    PER("m³", "cubic meter", "cubic meters", "", "立方米"),
    PER("m3", "cubic meter", "cubic meters", "", "立方米"),
    PER("sq ft", "square foot", "square feet", "", "平方英尺"),
    PER("ft²", "square foot", "square feet", "", "平方英尺"),
    PER("g/cm³", "gram per cubic centimeter", "grams per cubic centimeter", "每立方厘米", "克"),
    PER("kg/m³", "kilogram per cubic meter", "kilograms per cubic meter", "每立方米", "千克"),
    PER("mg/L", "milligram per liter", "milligrams per liter", "每升", "毫克"),
    PER("ft", "foot", "feet", "", "英尺"),
    ROW("km", "kilometer", "公里"),
    ROW("cm", "centimeter", "厘米"),
    ROW("mm", "millimeter", "毫米"),
    ROW("nm", "nanometer", "纳米"),
    ROW("μm", "micrometer", "微米"),
    ROW("µm", "micrometer", "微米"),
    ROW("dm", "decimeter", "分米"),
    ROW("mi", "mile", "英里"),
    ROW("yd", "yard", "码"),
    ROW("kg", "kilogram", "千克"),
    ROW("mg", "milligram", "毫克"),
    ROW("μg", "microgram", "微克"),
    ROW("µg", "microgram", "微克"),
    ROW("lbs", "pound", "磅"),
    ROW("lb", "pound", "磅"),
    ROW("oz", "ounce", "盎司"),
    ROW("mL", "milliliter", "毫升"),
    ROW("ml", "milliliter", "毫升"),
    ROW("gal", "gallon", "加仑"),
    ROW("ha", "hectare", "公顷"),
    ROW("ms", "millisecond", "毫秒"),
    ROW("μs", "microsecond", "微秒"),
    ROW("µs", "microsecond", "微秒"),
    ROW("ns", "nanosecond", "纳秒"),
    ROW("sec", "second", "秒"),
    ROW("mins", "minute", "分钟"),
    ROW("min", "minute", "分钟"),
    ROW("hrs", "hour", "小时"),
    ROW("hr", "hour", "小时"),
    ROW("kWh", "kilowatt hour", "千瓦时"),
    ROW("mAh", "milliamp hour", "毫安时"),
    ROW("Wh", "watt hour", "瓦时"),
    ROW("MW", "megawatt", "兆瓦"),
    ROW("GW", "gigawatt", "吉瓦"),
    ROW("kW", "kilowatt", "千瓦"),
    ROW("mW", "milliwatt", "毫瓦"),
    ROW("kV", "kilovolt", "千伏"),
    ROW("mV", "millivolt", "毫伏"),
    ROW("mA", "milliamp", "毫安"),
    ROW("kΩ", "kiloohm", "千欧"),
    ROW("Ω", "ohm", "欧姆"),
    ROW("Ω", "ohm", "欧姆"),
    SAME("GHz", "gigahertz", "吉赫"),
    SAME("MHz", "megahertz", "兆赫"),
    SAME("kHz", "kilohertz", "千赫"),
    SAME("Hz", "hertz", "赫兹"),
    ROW("dB", "decibel", "分贝"),
    ROW("kPa", "kilopascal", "千帕"),
    ROW("hPa", "hectopascal", "百帕"),
    ROW("MPa", "megapascal", "兆帕"),
    ROW("Pa", "pascal", "帕"),
    ROW("kcal", "kilocalorie", "千卡"),
    ROW("cal", "calorie", "卡"),
    ROW("kJ", "kilojoule", "千焦"),
    ROW("MJ", "megajoule", "兆焦"),
    PER("Gbit/s", "gigabit per second", "gigabits per second", "", "吉比特每秒"),
    PER("Mbit/s", "megabit per second", "megabits per second", "", "兆比特每秒"),
    PER("Gbps", "gigabit per second", "gigabits per second", "", "吉比特每秒"),
    PER("Mbps", "megabit per second", "megabits per second", "", "兆比特每秒"),
    PER("kbps", "kilobit per second", "kilobits per second", "", "千比特每秒"),
    PER("GB/s", "gigabyte per second", "gigabytes per second", "每秒", " G B"),
    PER("MB/s", "megabyte per second", "megabytes per second", "每秒", " M B"),
    PER("KB/s", "kilobyte per second", "kilobytes per second", "每秒", " K B"),
    ROW("TB", "terabyte", " T B"),
    ROW("GB", "gigabyte", " G B"),
    ROW("MB", "megabyte", " M B"),
    ROW("KB", "kilobyte", " K B"),
    ROW("kB", "kilobyte", " K B"),
    ROW("GiB", "gibibyte", " G B"),
    ROW("MiB", "mebibyte", " M B"),
    ROW("px", "pixel", "像素"),
    PER("fps", "frame per second", "frames per second", "每秒", "帧"),
    PER("rpm", "revolution per minute", "revolutions per minute", "每分钟", "转"),
    PER("bpm", "beat per minute", "beats per minute", "每分钟", "拍"),
    PER("ppm", "part per million", "parts per million", "百万分之", ""),
    ROW("mol", "mole", "摩尔"),
    ROW("m", "meter", "米"),
    ROW("g", "gram", "克"),
    ROW("t", "ton", "吨"),
    ROW("L", "liter", "升"),
    ROW("l", "liter", "升"),
    ROW("s", "second", "秒"),
    ROW("h", "hour", "小时"),
    ROW("V", "volt", "伏"),
    ROW("W", "watt", "瓦"),
    ROW("J", "joule", "焦"),
};

const struct spoken_unit *spoken_unit_at(const struct spoken *s, size_t i, size_t *len)
{
    const struct spoken_unit *found = NULL;

    for (size_t k = 0; k < sizeof units / sizeof *units; k++) {
        size_t n = spoken_is(s, i, units[k].sign);
        uint32_t next = spoken_at(s, i + n), last = spoken_at(s, i + n - 1);
        if (!n || (found && n <= *len))
            continue;
        if ((spoken_is_letter(last) && (spoken_is_alnum(next) || next == '\'' || next == 0x2019)) ||
            next == 0xb2 || next == 0xb3)
            continue;
        found = &units[k];
        *len = n;
    }
    return found;
}

bool spoken_unit_is_degree(const struct spoken_unit *u)
{
    return strstr(u->zh, "氏度") != NULL;
}

static const struct spoken_money moneys[] = {
    {"HK$", "Hong Kong dollar", "Hong Kong dollars", "cent", "cents", "港元"},
    {"NT$", "Taiwan dollar", "Taiwan dollars", NULL, NULL, "新台币"},
    {"US$", "U S dollar", "U S dollars", "cent", "cents", "美元"},
    {"A$", "Australian dollar", "Australian dollars", "cent", "cents", "澳元"},
    {"C$", "Canadian dollar", "Canadian dollars", "cent", "cents", "加元"},
    {"S$", "Singapore dollar", "Singapore dollars", "cent", "cents", "新加坡元"},
    {"$", "dollar", "dollars", "cent", "cents", "美元"},
    {"€", "euro", "euros", "cent", "cents", "欧元"},
    {"£", "pound", "pounds", "penny", "pence", "英镑"},
    {"¥", "yen", "yen", NULL, NULL, "元"},
    {"￥", "yuan", "yuan", NULL, NULL, "元"},
    {"₩", "won", "won", NULL, NULL, "韩元"},
    {"₹", "rupee", "rupees", NULL, NULL, "卢比"},
    {"₽", "ruble", "rubles", NULL, NULL, "卢布"},
    {"₿", "bitcoin", "bitcoins", NULL, NULL, "比特币"},
    {"RMB", "yuan", "yuan", NULL, NULL, "元人民币"},
    {"CNY", "yuan", "yuan", NULL, NULL, "元人民币"},
    {"USD", "U S dollar", "U S dollars", "cent", "cents", "美元"},
    {"EUR", "euro", "euros", "cent", "cents", "欧元"},
    {"GBP", "pound", "pounds", "penny", "pence", "英镑"},
    {"JPY", "yen", "yen", NULL, NULL, "日元"},
    {"HKD", "Hong Kong dollar", "Hong Kong dollars", "cent", "cents", "港元"},
    {"KRW", "won", "won", NULL, NULL, "韩元"},
    {"CHF", "Swiss franc", "Swiss francs", NULL, NULL, "瑞士法郎"},
    {"CAD", "Canadian dollar", "Canadian dollars", "cent", "cents", "加元"},
    {"AUD", "Australian dollar", "Australian dollars", "cent", "cents", "澳元"},
    {"BTC", "bitcoin", "bitcoins", NULL, NULL, "比特币"},
};

const struct spoken_money *spoken_money_at(const struct spoken *s, size_t i, bool before, size_t *len)
{
    for (size_t k = 0; k < sizeof moneys / sizeof *moneys; k++) {
        const char *sign = moneys[k].sign;
        bool code = spoken_is_upper((unsigned char)sign[strlen(sign) - 1]);
        size_t n = code && !before ? spoken_is_word(s, i, sign) : spoken_is(s, i, sign);
        if (!n || (spoken_is_letter(spoken_at(s, i)) && i && spoken_is_letter(spoken_at(s, i - 1))))
            continue;
        *len = n;
        return &moneys[k];
    }
    return NULL;
}
