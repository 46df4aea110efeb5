/** A TypeDoc plugin: writes where each exported name has its page, for the site's equations to link to. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Renderer } from "typedoc";
import { exportedDeclarations, fileOf } from "./exported.mjs";

/**
 * @typedef {{ name: string, file: string, address: string }} Address the address is relative to the reference
 * @param {import("typedoc").Application} app
 */
export function load(app) {
  app.renderer.on(Renderer.EVENT_END, ({ outputDirectory, project }) => {
    const addresses = exportedDeclarations(project).map((declaration) => ({
      name: declaration.name,
      file: fileOf(declaration),
      address: app.renderer.router?.getFullUrl(declaration) ?? "",
    }));
    writeFileSync(join(outputDirectory, "addresses.json"), JSON.stringify(addresses));
  });
}
