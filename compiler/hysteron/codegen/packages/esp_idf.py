"""ESP-IDF component: CMakeLists.txt, Kconfig, manifest and an example project."""

from __future__ import annotations

from hysteron.codegen.emit import Files
from hysteron.codegen.packages._library import below, c_sources, library
from hysteron.codegen.packages._project import Kind, Project


def _pack(project: Project) -> Files:
    code = library(project)
    example = f"examples/{project.name}_golden"
    return {
        **project.common(KIND),
        **below("src", code),
        "CMakeLists.txt": project.render("esp-idf/CMakeLists.txt.j2", sources=c_sources(code)),
        "Kconfig": project.render("esp-idf/Kconfig.j2"),
        "idf_component.yml": project.render("esp-idf/idf_component.yml.j2"),
        f"{example}/CMakeLists.txt": project.render("esp-idf/example.CMakeLists.txt.j2"),
        f"{example}/main/CMakeLists.txt": project.render("esp-idf/main.CMakeLists.txt.j2"),
        f"{example}/main/golden.h": project.render("golden.h.j2"),
        f"{example}/main/main.c": project.render("main.c.j2", entry="void app_main(void)"),
    }


KIND = Kind(
    name="esp-idf",
    title="ESP-IDF component",
    pack=_pack,
    checked="component and example were built with ESP-IDF (master, 6.2.0) for its target linux "
    "and run; idf-component-manager accepts the manifest. No ESP32 was compiled for or tried.",
)
