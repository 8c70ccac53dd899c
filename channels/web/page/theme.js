// Sets the theme before anything is drawn. "auto" follows the system.
document.documentElement.dataset.theme = localStorage.getItem("theme") || "auto";
