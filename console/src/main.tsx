/** The console: what this server does, to be tried and watched. */
import { render } from "preact";
import "./style/colors.css";
import "./style/page.css";
import "./style/controls.css";
import "./style/figures.css";
import "./style/chat.css";
import "./style/results.css";
import { readCatalogue } from "./server/catalogue";
import { Shell } from "./shell";

const place = document.getElementById("console");
if (place) render(<Shell />, place);
void readCatalogue();
