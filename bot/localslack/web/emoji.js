// The shortcodes people and bots use most; unknown ones stay as typed.

const TABLE = `
+1 👍|thumbsup 👍|-1 👎|thumbsdown 👎|ok_hand 👌|clap 👏|wave 👋|pray 🙏|raised_hands 🙌|muscle 💪|point_right 👉|point_left 👈|point_up ☝️|point_down 👇|eyes 👀|brain 🧠
smile 😄|grinning 😀|grin 😁|joy 😂|slightly_smiling_face 🙂|wink 😉|blush 😊|heart_eyes 😍|thinking_face 🤔|neutral_face 😐|confused 😕|cry 😢|sob 😭|scream 😱|sunglasses 😎|sweat_smile 😅|upside_down_face 🙃|zipper_mouth_face 🤐|partying_face 🥳|exploding_head 🤯|sleeping 😴|robot_face 🤖|ghost 👻|skull 💀
heart ❤️|yellow_heart 💛|green_heart 💚|blue_heart 💙|broken_heart 💔|star ⭐|star2 🌟|sparkles ✨|fire 🔥|boom 💥|tada 🎉|confetti_ball 🎊|rocket 🚀|100 💯|trophy 🏆|medal 🏅|dart 🎯|gift 🎁|crown 👑|gem 💎
white_check_mark ✅|heavy_check_mark ✔️|ballot_box_with_check ☑️|x ❌|negative_squared_cross_mark ❎|heavy_multiplication_x ✖️|warning ⚠️|no_entry ⛔|no_entry_sign 🚫|octagonal_sign 🛑|stop_sign 🛑|question ❓|grey_question ❔|exclamation ❗|grey_exclamation ❕|bangbang ‼️|information_source ℹ️|recycle ♻️|rotating_light 🚨|sos 🆘|new 🆕|free 🆓
hourglass ⌛|hourglass_flowing_sand ⏳|stopwatch ⏱️|timer_clock ⏲️|alarm_clock ⏰|watch ⌚|clock1 🕐|clock3 🕒|calendar 📆|date 📅|spiral_calendar_pad 🗓️
arrow_right ➡️|arrow_left ⬅️|arrow_up ⬆️|arrow_down ⬇️|arrows_counterclockwise 🔄|arrows_clockwise 🔃|repeat 🔁|repeat_one 🔂|leftwards_arrow_with_hook ↩️|arrow_right_hook ↪️|fast_forward ⏩|rewind ⏪|black_right_pointing_double_triangle_with_vertical_bar ⏭️|arrow_forward ▶️|double_vertical_bar ⏸️|black_square_for_stop ⏹️|next_track_button ⏭️|pause_button ⏸️|stop_button ⏹️|heavy_plus_sign ➕|heavy_minus_sign ➖
red_circle 🔴|large_orange_circle 🟠|orange_circle 🟠|large_yellow_circle 🟡|yellow_circle 🟡|large_green_circle 🟢|green_circle 🟢|large_blue_circle 🔵|blue_circle 🔵|large_purple_circle 🟣|white_circle ⚪|black_circle ⚫|radio_button 🔘|large_green_square 🟩|large_red_square 🟥|large_yellow_square 🟨|white_large_square ⬜|black_large_square ⬛|white_small_square ▫️|black_small_square ▪️|small_blue_diamond 🔹|small_orange_diamond 🔸|large_blue_diamond 🔷
memo 📝|pencil 📝|pencil2 ✏️|page_facing_up 📄|page_with_curl 📃|clipboard 📋|bar_chart 📊|chart_with_upwards_trend 📈|chart_with_downwards_trend 📉|file_folder 📁|open_file_folder 📂|card_index_dividers 🗂️|books 📚|book 📖|bookmark 🔖|newspaper 📰|inbox_tray 📥|outbox_tray 📤|package 📦|email ✉️|envelope ✉️|mailbox 📫|paperclip 📎|link 🔗|pushpin 📌|round_pushpin 📍|scissors ✂️|floppy_disk 💾|lock 🔒|unlock 🔓|key 🔑
mag 🔍|mag_right 🔎|bulb 💡|wrench 🔧|hammer 🔨|hammer_and_wrench 🛠️|gear ⚙️|nut_and_bolt 🔩|toolbox 🧰|microscope 🔬|telescope 🔭|test_tube 🧪|abacus 🧮|computer 💻|desktop_computer 🖥️|keyboard ⌨️|iphone 📱|battery 🔋|electric_plug 🔌|satellite_antenna 📡|globe_with_meridians 🌐|earth_africa 🌍|earth_americas 🌎|world_map 🗺️|compass 🧭
bell 🔔|no_bell 🔕|loudspeaker 📢|mega 📣|speech_balloon 💬|thought_balloon 💭|left_speech_bubble 🗨️|busts_in_silhouette 👥|bust_in_silhouette 👤|technologist 🧑‍💻|scientist 🧑‍🔬|detective 🕵️|construction_worker 👷|judge 🧑‍⚖️|mortar_board 🎓
moneybag 💰|money_with_wings 💸|dollar 💵|euro 💶|credit_card 💳|receipt 🧾|coin 🪙|scales ⚖️|balance_scale ⚖️|bank 🏦|office 🏢|factory 🏭|house 🏠|checkered_flag 🏁|triangular_flag_on_post 🚩|construction 🚧|vertical_traffic_light 🚦|ladder 🪜|jigsaw 🧩|game_die 🎲|crystal_ball 🔮|magic_wand 🪄
coffee ☕|tea 🍵|pizza 🍕|cake 🍰|beer 🍺|apple 🍎|seedling 🌱|evergreen_tree 🌲|four_leaf_clover 🍀|sunny ☀️|cloud ☁️|rainbow 🌈|zap ⚡|snowflake ❄️|droplet 💧|ocean 🌊|dog 🐶|cat 🐱|bug 🐛|turtle 🐢|snail 🐌|unicorn_face 🦄|coffin ⚰️|wastebasket 🗑️|broom 🧹|art 🎨|musical_note 🎵|headphones 🎧|movie_camera 🎥|camera 📷|frame_with_picture 🖼️
zero 0️⃣|one 1️⃣|two 2️⃣|three 3️⃣|four 4️⃣|five 5️⃣|six 6️⃣|seven 7️⃣|eight 8️⃣|nine 9️⃣|keycap_ten 🔟|hash #️⃣
`;

const EMOJI = new Map(
  TABLE.trim()
    .split(/[|\n]/)
    .map((entry) => entry.split(" ")),
);

/** The character of a shortcode without its colons (skin tones left out), or null. */
export function emojiChar(name) {
  return EMOJI.get(name.split("::")[0]) ?? null;
}

/** The character, or `:name:` where the name is not known. */
export function emojiText(name) {
  return emojiChar(name) ?? `:${name}:`;
}

/** What the reaction picker offers. */
export const PICKER = [
  "+1",
  "-1",
  "white_check_mark",
  "eyes",
  "tada",
  "heart",
  "fire",
  "rocket",
  "joy",
  "thinking_face",
  "clap",
  "raised_hands",
  "pray",
  "100",
  "sparkles",
  "bulb",
  "warning",
  "x",
  "question",
  "hourglass_flowing_sand",
  "memo",
  "mag",
  "coffee",
  "robot_face",
];
