export default { ssr: { noExternal: process.env.VITE_MODE === "bundled" ? true : [] } };
