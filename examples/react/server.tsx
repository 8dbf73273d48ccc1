import { renderToString } from "react-dom/server";
import { App, type Props } from "./App";

export const render = (props: Props): string => renderToString(<App {...props} />);
